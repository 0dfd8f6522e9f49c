package mysqld

import "strconv"

// smallFlags keep a server at about 260 MB with the performance schema on,
// which regent reads; at its default sizes it takes twice that.
func smallFlags() []string {
	return []string{
		"--innodb-buffer-pool-size=16M",
		"--innodb-buffer-pool-instances=1",
		"--innodb-redo-log-capacity=16M",
		"--innodb-log-buffer-size=1M",
		"--innodb-log-writer-threads=OFF",
		"--innodb-ft-cache-size=1600000",
		"--innodb-ft-total-cache-size=32000000",
		"--innodb-read-io-threads=1",
		"--innodb-write-io-threads=1",
		"--innodb-purge-threads=1",
		"--innodb-page-cleaners=1",
		"--key-buffer-size=1M",
		"--tmp-table-size=1M",
		"--max-heap-table-size=1M",
		"--temptable-max-ram=2M",
		"--table-open-cache=200",
		"--table-definition-cache=400",
		"--thread-cache-size=8",
		"--max-connections=200",
		"--max-digest-length=256",
		"--performance-schema=ON",
		"--performance-schema-error-size=1",
		"--performance-schema-digests-size=64",
		"--performance-schema-max-sql-text-length=256",
		"--performance-schema-max-digest-length=256",
		"--performance-schema-max-table-instances=200",
		"--performance-schema-max-table-handles=200",
		"--performance-schema-max-thread-instances=-1",
		"--performance-schema-accounts-size=16",
		"--performance-schema-hosts-size=16",
		"--performance-schema-users-size=16",
		"--performance-schema-events-waits-history-long-size=0",
		"--performance-schema-events-stages-history-long-size=0",
		"--performance-schema-events-statements-history-long-size=0",
		"--performance-schema-events-transactions-history-long-size=0",
	}
}

// replicationFlags are the settings that regent expects of a server it manages,
// and durable ones: the lab proves what happens to acknowledged writes.
// relay_log_recovery is off and sync_relay_log is 1, so that an acker that was
// killed still has, after its restart, what it acknowledged. While all appliers
// of a replica are busy its coordinator asks again and again for a free one, which
// burns a core: with 16 of them a commit group holds more, and that is rare.
func replicationFlags() []string {
	return []string{
		"--log-bin=binlog",
		"--relay-log=relay",
		"--log-replica-updates=ON",
		"--gtid-mode=ON",
		"--enforce-gtid-consistency=ON",
		"--binlog-row-image=FULL",
		"--binlog-row-metadata=FULL",
		"--relay-log-recovery=OFF",
		"--sync-relay-log=1",
		"--sync-binlog=1",
		"--innodb-flush-log-at-trx-commit=1",
		"--replica-net-timeout=4",
		"--replica-parallel-workers=16",
	}
}

// commonFlags hold for every instance, that which makes the template included.
func commonFlags(data string) []string {
	return append(smallFlags(),
		"--datadir="+data,
		"--mysqlx=OFF",
		"--secure-file-priv=NULL",
		"--skip-name-resolve=ON",
	)
}

// flags are those of one instance.
func (s Spec) flags() []string {
	all := append(commonFlags(s.data()), replicationFlags()...)
	return append(
		all,
		"--socket="+s.Socket,
		"--pid-file="+s.path("mysqld.pid"),
		"--log-error="+s.ErrorLog(),
		"--server-id="+strconv.FormatUint(uint64(s.ID), 10),
		"--bind-address="+s.Address.Addr().String(),
		"--port="+strconv.Itoa(int(s.Address.Port())),
		"--report-host="+s.Address.Addr().String(),
		"--report-port="+strconv.Itoa(int(s.Address.Port())),
	)
}

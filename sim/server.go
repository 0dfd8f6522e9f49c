package sim

import (
	"maps"
	"strconv"
	"time"

	"github.com/regentdb/regent/gtid"
	"github.com/regentdb/regent/policy"
)

// Server is a MySQL server: its binary log, what it executed, its channel, and variables that survive
// a restart only where they were persisted.
type Server struct {
	w    *World
	spec policy.ServerSpec
	uuid string

	up, paused bool
	process    int // counts starts, so that events of an earlier process do nothing
	bootedAt   int64
	// variables and persisted are replaced, never changed, so that facts may share them.
	variables, persisted map[string]string

	binlog   []gtid.GTID
	logged   gtid.Set // of binlog
	executed gtid.Set
	next     uint64 // sequence number of its next own transaction

	waiting []*commit      // in the binary log and not yet acknowledged by enough replicas
	acked   map[string]int // by replica: how much of the binary log it acknowledged
	fencing bool           // a pending super_read_only blocks new commits
	dumps   []*stream      // replicas attached, in order of attachment

	channel *channel
	backlog []func()      // what arrived while the process was paused
	lock    *session      // who holds the advisory lock
	slow    time.Duration // what applying one transaction takes more than usual
	late    time.Duration // what receiving takes more than usual
}

// defaults are the variables of a server that regent has not seen yet.
func defaults(id int) map[string]string {
	return map[string]string{
		"read_only": "ON", "super_read_only": "ON", "offline_mode": "OFF", "persisted_globals_load": "ON", "init_file": "",
		"log_bin": "ON", "log_replica_updates": "ON", "enforce_gtid_consistency": "ON", "gtid_mode": "ON",
		"relay_log_recovery": "OFF", "sync_relay_log": "1", "sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1", "skip_replica_start": "OFF", "server_id": strconv.Itoa(id),
		"replica_net_timeout": "60", "binlog_row_metadata": "MINIMAL",
		"rpl_semi_sync_replica_enabled": "OFF", "rpl_semi_sync_source_enabled": "OFF", "rpl_semi_sync_source_timeout": "10000",
		"rpl_semi_sync_source_wait_for_replica_count": "1", "rpl_semi_sync_source_wait_no_replica": "ON", "rpl_semi_sync_source_wait_point": "AFTER_SYNC",
	}
}

func (w *World) newServer(spec policy.ServerSpec, id int) *Server {
	s := &Server{
		w: w, spec: spec, uuid: "00000000-0000-0000-0000-00000000000" + strconv.Itoa(id), up: true, process: 1, next: 1,
		bootedAt: w.wall().Unix(), variables: defaults(id), persisted: map[string]string{}, acked: map[string]int{},
	}
	w.net.regions[spec.Name] = spec.Region
	return s
}

func (s *Server) name() string { return s.spec.Name }

func (s *Server) on(name string) bool { return isOn(s.variables[name]) }

func isOn(v string) bool { return v == "ON" || v == "1" }

func onOff(v bool) string {
	if v {
		return "ON"
	}
	return "OFF"
}

// set changes variables, persisted ones on disk too.
func (s *Server) set(name, value string, persist bool) {
	s.variables = maps.Clone(s.variables)
	s.variables[name] = value
	if persist {
		s.persist(name, value)
	}
}

func (s *Server) persist(name, value string) {
	s.persisted = maps.Clone(s.persisted)
	s.persisted[name] = value
}

// answers tells whether the process would answer at once.
func (s *Server) answers() bool { return s.up && !s.paused }

func (s *Server) writable() bool {
	return s.up && !s.on("read_only") && !s.on("super_read_only") && !s.on("offline_mode") && !s.fencing
}

// run does something in the server's process: now, or when it is resumed. It tells false when the
// process is dead.
func (s *Server) run(do func()) bool {
	switch {
	case !s.up:
		return false
	case s.paused:
		s.backlog = append(s.backlog, do)
	default:
		do()
	}
	return true
}

// kill ends the process as SIGKILL does: what is in the binary log stays there.
func (s *Server) kill() {
	if !s.up {
		return
	}
	s.w.logf("%s is killed (%d commits wait)", s.name(), len(s.waiting))
	s.up, s.paused, s.fencing, s.backlog, s.lock = false, false, false, nil, nil
	s.process++
	for _, c := range s.waiting {
		c.client.broken(c)
	}
	s.executed, s.waiting, s.acked = s.executed.Union(s.logged), nil, map[string]int{}
	for _, d := range s.dumps {
		d.sourceGone()
	}
	s.dumps = nil
	if s.channel != nil {
		s.channel.disconnect()
	}
	s.w.serverGone(s)
}

// bootsApart is the least number of seconds between two boots: a server needs some to start and to recover.
const bootsApart = 1

// start boots the server with what it has persisted.
func (s *Server) start() {
	if s.up {
		return
	}
	if soon := s.bootedAt + bootsApart - s.w.wall().Unix(); soon > 0 {
		process := s.process
		s.w.after(time.Duration(soon)*time.Second, func() {
			if s.process == process {
				s.start()
			}
		})
		return
	}
	s.up, s.process = true, s.process+1
	s.bootedAt = s.w.wall().Unix()
	fresh := defaults(0)
	for _, kept := range []string{"server_id", "relay_log_recovery", "sync_relay_log"} {
		fresh[kept] = s.variables[kept]
	}
	maps.Copy(fresh, s.persisted)
	if v, ok := s.persisted["super_read_only"]; ok && isOn(v) {
		fresh["read_only"] = "ON"
	}
	s.variables = fresh
	if c := s.channel; c != nil {
		c.boot(s.on("relay_log_recovery"), !s.on("skip_replica_start"))
	}
	s.w.logf("%s boots, read_only %s, executed %s", s.name(), s.variables["super_read_only"], s.w.short(s.executed))
}

func (s *Server) pause() {
	if s.answers() {
		s.w.logf("%s is paused", s.name())
		s.paused = true
		s.w.linksChanged()
	}
}

func (s *Server) resume() {
	if !s.paused {
		return
	}
	s.w.logf("%s is resumed", s.name())
	s.paused = false
	backlog := s.backlog
	s.backlog = nil
	for _, do := range backlog {
		s.run(do)
	}
	s.w.linksChanged()
}

// append writes a transaction to the binary log and tells the replicas.
func (s *Server) append(g gtid.GTID) {
	s.binlog = append(s.binlog, g)
	s.logged = s.logged.Add(g)
	for _, d := range s.dumps {
		d.pump()
	}
}

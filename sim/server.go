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
	w     *World
	spec  policy.ServerSpec
	uuid  string
	at    place
	index int

	up, paused bool
	off        bool // its host has no power: nobody is told anything
	closing    bool // it shuts down: it refuses new connections
	process    int  // counts starts, so that events of an earlier process do nothing
	bootedAt   int64
	// variables and persisted are replaced, never changed, so that facts may share them.
	variables, persisted map[string]string

	binlog   []gtid.GTID
	logged   pile // of binlog
	executed pile
	next     uint64 // sequence number of its next own transaction

	waiting []*commit     // in the binary log and not yet acknowledged by enough replicas
	queued  []func()      // writes that wait for a pending change of read_only
	acked   []int         // by replica: how much of the binary log it acknowledged
	deaf    time.Duration // acknowledgements sent until then are lost
	yes     int           // commits that enough replicas have acknowledged
	pending *pending
	dumps   []*stream // replicas attached, in order of attachment

	channel   *channel
	backlog   []func() // what arrived while the process was paused
	conns     []*conn  // of the nodes' executors
	lock      *conn    // who holds the advisory lock
	claim     *conn    // who holds the claim on it
	claimedAt time.Duration
	guard     guardian
	watched   watched
	offset    time.Duration // of its clock from a right one, besides what drift makes of the time
	stepped   time.Duration // by people
	drift     float64
	hang      time.Duration // until when statements of sessions get nowhere
	slow      time.Duration // what applying one transaction takes more than usual
	late      time.Duration // what receiving takes more than usual
	// touched counts what others than regent did to it: boots, kills, people.
	touched int
	meddled time.Duration // when somebody wrote on it last
}

// pending is a change to super_read_only that waits for commits.
type pending struct {
	by     *conn
	stale  bool     // the server was opened since
	before *pending // begun earlier, and pending still when this one is withdrawn
}

// defaults are the variables of a server that regent has not seen yet.
func defaults(id int) map[string]string {
	return map[string]string{
		"read_only": "ON", "super_read_only": "ON", "offline_mode": "OFF", "persisted_globals_load": "ON", "init_file": "",
		"log_bin": "ON", "binlog_expire_logs_auto_purge": "ON", "event_scheduler": "ON", "log_replica_updates": "ON", "enforce_gtid_consistency": "ON", "gtid_mode": "ON",
		"relay_log_recovery": "OFF", "sync_relay_log": "1", "sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1", "skip_replica_start": "OFF", "server_id": strconv.Itoa(id),
		"replica_net_timeout": "60", "binlog_row_metadata": "MINIMAL", "clone_valid_donor_list": "",
		"rpl_semi_sync_replica_enabled": "OFF", "rpl_semi_sync_source_enabled": "OFF", "rpl_semi_sync_source_timeout": "10000",
		"rpl_semi_sync_source_wait_for_replica_count": "1", "rpl_semi_sync_source_wait_no_replica": "ON", "rpl_semi_sync_source_wait_point": "AFTER_SYNC",
	}
}

func (w *World) newServer(spec policy.ServerSpec) *Server {
	index := len(w.all)
	s := &Server{
		w: w, spec: spec, index: index, uuid: "00000000-0000-0000-0000-00000000000" + strconv.Itoa(index+1), at: w.net.join(spec.Name, spec.Region),
		up: true, process: 1, next: 1, bootedAt: w.wall().Unix(), variables: defaults(index + 1), persisted: map[string]string{}, acked: make([]int, maxServers),
	}
	w.all = append(w.all, s)
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
	if s.variables[name] != value {
		s.variables = maps.Clone(s.variables)
		s.variables[name] = value
	}
	if persist {
		s.persist(name, value)
	}
}

func (s *Server) persist(name, value string) {
	if s.persisted[name] != value {
		s.persisted = maps.Clone(s.persisted)
		s.persisted[name] = value
	}
}

// answers tells whether the process would answer at once.
func (s *Server) answers() bool { return s.up && !s.paused }

// writable tells that applications may write; a pending change of read_only lets them wait.
func (s *Server) writable() bool {
	super := s.on("super_read_only") && s.pending == nil
	return s.up && !s.on("read_only") && !super && !s.on("offline_mode")
}

// readOnly tells that both variables would be read back as ON.
func (s *Server) readOnly() bool {
	return s.on("read_only") && s.on("super_read_only") && s.pending == nil
}

// held is everything the server has: executed, or received and not yet applied.
func (s *Server) held() gtid.Set {
	if s.channel == nil {
		return s.executed.set()
	}
	return s.executed.set().Union(s.channel.received.set())
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

// stall does something now, or when statements get on again.
func (s *Server) stall(do func()) {
	if s.w.now >= s.hang {
		do()
		return
	}
	s.w.after(s.hang-s.w.now, func() { s.run(do) })
}

// kill ends the process as SIGKILL does: what is in the binary log stays there.
func (s *Server) kill() {
	if !s.up {
		return
	}
	s.w.logf("%s is killed (%d commits wait)", s.name(), len(s.waiting))
	s.touched++
	s.up, s.paused, s.closing, s.pending, s.backlog, s.queued, s.lock, s.claim = false, false, false, nil, nil, nil, nil, nil
	s.guard.rowLocked, s.guard.tableLocked = 0, 0
	s.process++
	for _, c := range s.waiting {
		if !c.cut {
			c.client.broken(c)
		}
	}
	s.executed = pileOf(s.executed.set().Union(s.logged.set()))
	s.waiting, s.acked, s.yes, s.hang = nil, make([]int, maxServers), 0, 0
	dumps, conns := s.dumps, s.conns
	s.dumps, s.conns = nil, nil
	if s.channel != nil {
		s.channel.disconnect()
	}
	for _, x := range conns {
		x.killed, x.busy = true, nil
	}
	if s.off {
		s.w.linksChanged()
		return
	}
	for _, d := range dumps {
		d.sourceGone()
	}
	for _, x := range conns {
		x.hangUp()
	}
	s.w.serverGone(s)
}

// powerOff ends process and host at once: nobody is told, and what was not on disk is lost.
func (s *Server) powerOff() {
	if !s.up {
		return
	}
	s.off = true
	s.w.logf("%s loses power", s.name())
	s.kill()
	if c := s.channel; c != nil && s.variables["sync_relay_log"] != "1" {
		c.forget()
	}
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
	s.touched++
	s.up, s.off, s.process = true, false, s.process+1
	s.bootedAt = s.w.wall().Unix()
	fresh := defaults(0)
	for _, kept := range []string{"server_id", "relay_log_recovery", "sync_relay_log"} {
		fresh[kept] = s.variables[kept]
	}
	if s.w.bootsWritable {
		fresh["read_only"], fresh["super_read_only"] = "OFF", "OFF"
	}
	if fresh["persisted_globals_load"] = s.variables["persisted_globals_load"]; isOn(fresh["persisted_globals_load"]) {
		maps.Copy(fresh, s.persisted)
		if v, ok := s.persisted["super_read_only"]; ok && isOn(v) {
			fresh["read_only"] = "ON"
		}
	}
	s.variables = fresh
	if s.writable() && s != s.w.writer {
		s.meddled = s.w.now
		s.w.forked[s.name()] = true // nobody can keep a server read-only that does not load what is persisted
	}
	if c := s.channel; c != nil {
		c.boot(s.on("relay_log_recovery"), !s.on("skip_replica_start"))
	}
	s.planEvent()
	s.w.logf("%s boots, read_only %s, executed %s", s.name(), s.variables["super_read_only"], s.w.shown(s.executed.set()))
}

// bootsReadOnly is what the next boot will be like.
func (s *Server) bootsReadOnly() bool {
	return !s.w.bootsWritable || (s.on("persisted_globals_load") && isOn(s.persisted["super_read_only"]))
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
	s.paused, s.watched.resumed = false, s.w.now
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
	s.logged.add(g)
	for _, d := range s.dumps {
		d.pump()
	}
}

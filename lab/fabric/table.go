package fabric

// table is an immutable picture of the rules, which the switch reads without a
// lock. It is made anew at each change.
type table struct {
	hosts  []*host
	byAddr map[[4]byte]int
	paths  []path // len(hosts) squared, by sender and receiver.
}

// path is what happens to packets of one host to another.
type path struct {
	cut  bool // dropped in silence.
	deny bool // dropped, and TCP told so.
	loss float64
	link Link
	line *line // nil where there never was a delay.
}

// linePair is an ordered pair of regions, or of hosts, that a delay line serves.
type linePair struct {
	from, to string
	hosts    bool
}

func (t *table) path(from, to int) *path {
	return &t.paths[from*len(t.hosts)+to]
}

// publish makes the rules take effect. The caller holds f.mu.
func (f *Fabric) publish() {
	n := len(f.hosts)
	t := &table{
		hosts:  f.hosts[:n:n],
		byAddr: make(map[[4]byte]int, n),
		paths:  make([]path, 0, n*n),
	}
	for i, from := range f.hosts {
		t.byAddr[from.Addr.As4()] = i
		for _, to := range f.hosts {
			t.paths = append(t.paths, f.rule(from.Host, to.Host))
		}
	}
	f.table.Store(t)
}

func (f *Fabric) rule(from, to Host) path {
	link := f.links[newLinkKey(from.Region, to.Region)]
	a, b := f.ends[from.Name], f.ends[to.Name]
	link.Delay += a.delay + b.delay
	link.Loss = 1 - (1-link.Loss)*(1-a.loss)*(1-b.loss)
	p := path{link: link, loss: link.Loss, line: f.lines[linePair{from: from.Region, to: to.Region}]}
	if own := f.lines[linePair{from.Name, to.Name, true}]; own != nil {
		p.line = own
	}
	for _, c := range f.cuts {
		hit := c.drops(from, to)
		p.cut = p.cut || hit && !c.Reject
		p.deny = p.deny || hit && c.Reject
	}
	return p
}

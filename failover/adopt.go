package failover

import (
	"strings"

	"github.com/regentdb/regent/topology"
)

// adopt finds the primary of a cluster that regent has not known before. Every declared server must
// answer first: what is unseen could be a second writer.
func (d *decider) adopt() {
	var writable, unseen, astray []string
	for _, s := range d.in.Spec.Servers {
		f := d.facts(s.Name)
		switch {
		case f == nil:
			unseen = append(unseen, d.unseenReason(s.Name))
		case f.Writable():
			writable = append(writable, s.Name)
		}
	}
	switch {
	case len(unseen) > 0:
		d.hold("hold", nil, unseen, "not adopted yet: every declared server must answer first: %s", strings.Join(unseen, "; "))
		return
	case len(writable) == 0:
		d.hold("hold", nil, nil, "not adopted yet: no declared server is writable; make the intended primary writable (SET GLOBAL super_read_only=OFF, read_only=OFF)")
		return
	case len(writable) > 1:
		d.hold("hold", nil, writable, "not adopted yet: %s are all writable; leave one of them writable", strings.Join(writable, ", "))
		return
	}
	primary := writable[0]
	if d.region(primary) != d.in.Spec.HomeRegion {
		d.hold("hold", nil, nil, "not adopted yet: the writable server %s is in region %s, not in the home region %s; correct home_region or move the primary home",
			primary, d.region(primary), d.in.Spec.HomeRegion)
		return
	}
	address := d.in.View.Find(primary).Address
	for _, s := range d.in.Spec.Servers {
		if up := d.facts(s.Name).Source; s.Name != primary && (up == nil || up.Address() != address) {
			astray = append(astray, s.Name)
		}
	}
	if len(astray) > 0 {
		d.hold("hold", nil, astray, "not adopted yet: %s do not replicate from %s; point them at %s with SOURCE_AUTO_POSITION=1", strings.Join(astray, ", "), primary, address)
		return
	}
	d.adoptWith(primary)
}

func (d *decider) adoptWith(primary string) {
	f := d.facts(primary)
	d.s.Epoch, d.s.Primary = 1, primary
	d.s.Baseline, d.s.OpenBoot = f.Executed, f.Boot
	d.s.Unproven = "the acknowledgement settings were not set yet"
	for _, s := range d.in.Spec.Servers {
		facts := d.facts(s.Name)
		d.member(s.Name, func(m *Member) { m.UUID = facts.UUID })
	}
	d.unhold("every server answers and " + primary + " is the only writable one")
	d.say("adopted: %s is the primary", primary)
	d.event(Event{Kind: "adopt", Decision: "primary " + primary, Reason: d.reason})
}

func (d *decider) unseenReason(server string) string {
	sv := d.in.View.Find(server)
	if sv == nil {
		return server + " is not seen"
	}
	for _, n := range sv.Sights {
		if n.Error != "" && n.Reach != topology.ReachOK {
			return server + " (" + sv.Address + ") is " + string(n.Reach) + " to " + n.Node + ": " + n.Error
		}
	}
	return server + " (" + sv.Address + "): " + sv.Describe()
}

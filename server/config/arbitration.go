package config

import (
	"fmt"

	"github.com/openconfig/gnmi/proto/gnmi_ext"

	"github.com/signalbox/signalbox/server/openconfig"
)

// Bounds of what clients can make the element remember.
const (
	maxRoles = 1024
	maxRole  = 256 // octets of a role's id
)

// masters are the highest election ids that were seen, by role; "" is the
// default one (gnmi-master-arbitration). They are forgotten with the process.
type masters map[string]electionID

// electionID is an unsigned number of 128 bits.
type electionID struct{ high, low uint64 }

func (a electionID) less(b electionID) bool {
	return a.high < b.high || a.high == b.high && a.low < b.low
}

// String is the number as clients write it where it fits 64 bits, else both
// halves.
func (a electionID) String() string {
	if a.high == 0 {
		return fmt.Sprint(a.low)
	}
	return fmt.Sprintf("%d:%d", a.high, a.low)
}

// admit refuses a Set of who is no master of its role, and remembers a new
// one, whatever else becomes of its Set. A Set without the extension counts to
// the default role, and is refused once that role has a master: it would be
// what arbitration is against (gnmi-master-arbitration, 1).
func (m *masters) admit(a *gnmi_ext.MasterArbitration) error {
	role := a.GetRole().GetId()
	master, arbitrated := (*m)[role]
	switch {
	case a == nil && arbitrated:
		return unacceptable("the default role has a master with election id %v: a Set needs the master arbitration extension", master)
	case a == nil:
		return nil
	case a.GetElectionId() == nil:
		return unacceptable("the master arbitration extension has no election_id")
	case len(role) > maxRole:
		return unacceptable("the id of the role has %d octets, %d are allowed", len(role), maxRole)
	}
	id := electionID{a.GetElectionId().GetHigh(), a.GetElectionId().GetLow()}
	switch {
	case arbitrated && id.less(master):
		return &openconfig.Error{Kind: openconfig.Denied, Reason: fmt.Sprintf("election id %v: role %q has a master with election id %v", id, role, master)}
	case !arbitrated && len(*m) >= maxRoles:
		return &openconfig.Error{Kind: openconfig.Exhausted, Reason: fmt.Sprintf("there are %d roles already", len(*m))}
	case *m == nil:
		*m = masters{}
	}
	(*m)[role] = id
	return nil
}

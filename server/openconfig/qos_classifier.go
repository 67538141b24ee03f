package openconfig

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// The types of classifiers as they are named where interfaces have them.
const (
	ethernetType = "ETHERNET"
	ipv4Type     = "IPV4"
	ipv6Type     = "IPV6"
)

// classifier is /qos/classifiers/classifier, decoded.
type classifier struct {
	kind  string      // one of the types
	terms []spec.Term // in order; their ids are those of the list
}

// classifierTerms gives the list of terms; it may be nil.
func classifierTerms(entry *classifierEntry) map[string]*termEntry {
	if t := entry.GetTerms(); t != nil {
		return t.Term
	}
	return nil
}

// termGroup is the forwarding group that a term has as its target, "" for none.
func termGroup(entry *termEntry) string {
	if config := entry.GetActions().GetConfig(); config != nil {
		return value(config.TargetGroup, "")
	}
	return ""
}

// compareTerms orders terms: numbers by their value, before other ids, which are
// in the order of their octets. The models leave the order open.
func compareTerms(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	switch {
	case errX == nil && errY == nil:
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return strings.Compare(a, b)
}

// decodeClassifier translates an entry of /qos/classifiers.
func decodeClassifier(d *oc.Device, name string, entry *classifierEntry) (*classifier, error) {
	c := &classifier{}
	var err error
	c.kind, err = classifierType(name, entry)
	errs := []error{err}
	list := classifierTerms(entry)
	for _, id := range slices.SortedFunc(maps.Keys(list), compareTerms) {
		term, err := decodeTerm(d, name, id, c.kind, list[id])
		errs = append(errs, err)
		c.terms = append(c.terms, term)
	}
	if n := len(c.terms); n > spec.MaxTerms {
		errs = append(errs, invalid(at(ocpath.QosClassifiersClassifierTerms, name), "%s", plural(n, "term", spec.MaxTerms)))
	}
	return c, errors.Join(errs...)
}

// plural says that there are more of something than there can be.
func plural(n int, what string, most int) string {
	return fmt.Sprintf("%d %ss: want at most %d", n, what, most)
}

func classifierType(name string, entry *classifierEntry) (string, error) {
	path := at(ocpath.QosClassifiersClassifierConfigType, name)
	config := entry.GetConfig()
	if config == nil {
		config = new(oc.OpenconfigQos_Qos_Classifiers_Classifier_Config)
	}
	switch config.Type {
	case oc.OpenconfigQos_Qos_Classifiers_Classifier_Config_Type_IPV4:
		return ipv4Type, nil
	case oc.OpenconfigQos_Qos_Classifiers_Classifier_Config_Type_IPV6:
		return ipv6Type, nil
	case oc.OpenconfigQos_Qos_Classifiers_Classifier_Config_Type_ETHERNET:
		return ethernetType, nil
	case oc.OpenconfigQos_Qos_Classifiers_Classifier_Config_Type_UNSET:
		return "", invalid(path, "is missing: set it to IPV4, IPV6, or ETHERNET for frames of every kind")
	}
	return "", &Error{Kind: Unimplemented, Path: path.String(), Reason: "MPLS is not implemented: want IPV4, IPV6 or ETHERNET"}
}

// decodeTerm translates a term of a classifier of a type.
func decodeTerm(d *oc.Device, name, id, kind string, entry *termEntry) (spec.Term, error) {
	term := spec.Term{ID: id, Remark: spec.Unmarked}
	var errs []error
	if strings.HasPrefix(id, TrustTerms) {
		errs = append(errs, invalid(at(ocpath.QosClassifiersClassifierTermsTerm, name, id), "ids that begin with %s are the element's own", TrustTerms))
	}
	if group := termGroup(entry); group != "" {
		var err error
		term.Queue, err = targetQueue(d, name, id, group)
		errs = append(errs, err)
	}
	if config := entry.GetActions().GetRemark().GetConfig(); config != nil {
		var err error
		term.Remark, err = decodeRemark(config.SetDscp, config.SetDot1P, remarkNodes{
			ocpath.QosClassifiersClassifierTermsTermActionsRemarkConfigSetDscp, ocpath.QosClassifiersClassifierTermsTermActionsRemarkConfigSetDot1p,
		}, name, id)
		errs = append(errs, err)
	}
	m := &matcher{name: name, id: id, kind: kind}
	term.Match = m.decode(entry)
	return term, errors.Join(append(errs, m.errs...)...)
}

func targetQueue(d *oc.Device, name, id, group string) (string, error) {
	entry := qosGroups(d)[group]
	if entry == nil {
		return "", invalid(at(ocpath.QosClassifiersClassifierTermsTermActionsConfigTargetGroup, name, id),
			"there is no forwarding group %s: configure it in /qos/forwarding-groups, or name another one", group)
	}
	return groupQueue(entry), nil // that it has one is checked with the group
}

// remarkNodes are the leaves of one remark.
type remarkNodes struct{ dscp, pcp ocpath.ID }

func decodeRemark(dscp, pcp *uint8, nodes remarkNodes, keys ...string) (spec.Remark, error) {
	r := spec.Remark{DSCP: value(dscp, spec.NoRemark), PCP: value(pcp, spec.NoRemark)}
	var errs []error
	if dscp != nil && r.DSCP > 63 {
		errs = append(errs, invalid(at(nodes.dscp, keys...), "%d: want 0 to 63", r.DSCP))
	}
	if pcp != nil && r.PCP > 7 {
		errs = append(errs, invalid(at(nodes.pcp, keys...), "%d: want 0 to 7", r.PCP))
	}
	return r, errors.Join(errs...)
}

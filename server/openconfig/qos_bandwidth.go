package openconfig

import (
	"errors"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// bandwidth is signalbox-qos's simple form at an interface.
type bandwidth struct {
	maximum uint64 // bit/s; 0 is none
	share   spec.Share
	sharing spec.ShareMode
}

func (b *bandwidth) empty() bool { return *b == bandwidth{} }

// Leaves of the simple form.
const (
	maximumBandwidthLeaf = ocpath.InterfacesInterfaceBandwidthConfigMaximumBandwidth
	minimumBandwidthLeaf = ocpath.InterfacesInterfaceBandwidthConfigMinimumBandwidth
	minimumWeightLeaf    = ocpath.InterfacesInterfaceBandwidthConfigMinimumWeight
	bandwidthModeLeaf    = ocpath.InterfacesInterfaceBandwidthConfigMinimumBandwidthMode
)

func decodeBandwidth(name string, entry *interfaceEntry) (bandwidth, error) {
	var b bandwidth
	config := entry.GetBandwidth().GetConfig()
	if config == nil {
		return b, nil
	}
	var errs []error
	for _, rate := range []struct {
		leaf *uint64
		node ocpath.ID
		to   *uint64
	}{
		{config.MaximumBandwidth, maximumBandwidthLeaf, &b.maximum},
		{config.MinimumBandwidth, minimumBandwidthLeaf, &b.share.Rate},
	} {
		if rate.leaf != nil {
			*rate.to = *rate.leaf
			errs = append(errs, checkBitRate(*rate.leaf, func(reason string) error { return invalid(at(rate.node, name), "%s", reason) }))
		}
	}
	if config.MinimumWeight != nil {
		b.share.Weight = *config.MinimumWeight
		if b.share.Weight < 1 || b.share.Weight > spec.MaxShareWeight {
			errs = append(errs, invalid(at(minimumWeightLeaf, name), "%d: want 1 to %d", b.share.Weight, spec.MaxShareWeight))
		}
	}
	switch config.MinimumBandwidthMode {
	case oc.SignalboxQos_MinimumBandwidthMode_WEIGHT:
		b.sharing = spec.ShareWeight
	case oc.SignalboxQos_MinimumBandwidthMode_ABSOLUTE:
		b.sharing = spec.ShareAbsolute
	}
	if b.maximum != 0 && b.share.Rate > b.maximum {
		errs = append(errs, invalid(at(minimumBandwidthLeaf, name), "%d bit/s: above the maximum-bandwidth, %d bit/s", b.share.Rate, b.maximum))
	}
	return b, errors.Join(errs...)
}

// refuse names each leaf that is set at what can't have it.
func (b *bandwidth) refuse(name, reason string) error {
	var errs []error
	for _, leaf := range []struct {
		node ocpath.ID
		set  bool
	}{
		{maximumBandwidthLeaf, b.maximum != 0},
		{minimumBandwidthLeaf, b.share.Rate != 0},
		{minimumWeightLeaf, b.share.Weight != 0},
		{bandwidthModeLeaf, b.sharing != spec.ShareNone},
	} {
		if leaf.set {
			errs = append(errs, invalid(at(leaf.node, name), "%s", reason))
		}
	}
	return errors.Join(errs...)
}

// apply adds the simple form to what an entry of /qos/interfaces, the first of
// those that are about the port, asks for. Both about one direction is refused at
// the leaf, with the path of the policy.
func (b *bandwidth) apply(q *spec.QoS, name string, ids []string, w *wishes) error {
	q.Share, q.Sharing = b.share, b.sharing
	var errs []error
	conflict := func(leaf, policy ocpath.ID, what string) {
		errs = append(errs, invalid(at(leaf, name), "together with %s: %s", at(policy, ids[0]), what))
	}
	const bounded = "bound the port by a scheduler without inputs in the policy, or remove one of both"
	if b.maximum != 0 && w.input.policy != "" {
		conflict(maximumBandwidthLeaf, inputNodes().policy, bounded)
	}
	if b.maximum != 0 && w.output.policy != "" {
		conflict(maximumBandwidthLeaf, outputNodes().policy, bounded)
	}
	if b.sharing != spec.ShareNone && q.Output != nil && len(q.Output.Groups) > 0 {
		conflict(bandwidthModeLeaf, outputNodes().policy, "what leaves by the port is divided either by where it came from or by queues")
	}
	if b.maximum != 0 && len(errs) == 0 {
		most := spec.Rate{BitsPerSecond: b.maximum}
		q.Input, q.Output = &spec.Scheduler{Maximum: most}, &spec.Scheduler{Maximum: most}
	}
	return errors.Join(errs...)
}

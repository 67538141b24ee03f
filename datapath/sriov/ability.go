package sriov

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// ability is what a driver is known to do and not to do for virtual functions.
// What is in neither set is not known; a function's address and tag all can.
type ability struct {
	can, cannot       spec.VFAttributes
	qinq, qinqUnknown bool
}

// measured are the drivers that were tried; of others it is learned while they
// have virtual functions.
func measured(driver string) (ability, bool) {
	switch driver {
	case "igb":
		return ability{
			can:    spec.VFMaxRate | spec.VFSpoofCheck | spec.VFTrust,
			cannot: spec.VFMinRate | spec.VFLinkState,
		}, true
	case "netdevsim":
		return ability{can: spec.VFMinRate | spec.VFMaxRate | spec.VFSpoofCheck | spec.VFTrust | spec.VFLinkState, qinq: true}, true
	}
	return ability{qinqUnknown: true}, false
}

// abilities joins what is known of a function's driver. A check and trust a
// driver tells of where it has them.
func (k *Keeper) abilities(f *Function) ability {
	a, known := measured(f.Driver)
	if learned, ok := k.learned[f.Driver+" "+f.Firmware]; ok && !known {
		a = learned
	}
	if f.Eswitch == spec.EswitchSwitchdev && len(f.VFs) > 0 { // rates are those of the ports
		const rates = spec.VFMinRate | spec.VFMaxRate
		a.can, a.cannot = a.can|rates, a.cannot&^rates
		if f.VFs[0].Port == nil || !f.VFs[0].Port.HasRates {
			a.can, a.cannot = a.can&^rates, a.cannot|rates
		}
	}
	if len(f.VFs) > 0 {
		told := f.VFs[0].Set.Has & (spec.VFSpoofCheck | spec.VFTrust)
		a.can |= told
		a.cannot = a.cannot&^told | (spec.VFSpoofCheck|spec.VFTrust)&^told&^a.can
	}
	return a
}

// learn asks a driver what it can, by setting the first virtual function to what
// it is set to.
func (k *Keeper) learn(f *Function) {
	key := f.Driver + " " + f.Firmware
	if _, known := measured(f.Driver); known || len(f.VFs) == 0 {
		return
	}
	if _, done := k.learned[key]; done {
		return
	}
	a := ability{qinqUnknown: true}
	have := f.VFs[0].Set
	for _, one := range []spec.VFAttributes{spec.VFLinkState, spec.VFMaxRate} {
		switch err := k.kernel.SetVF(f, 0, have, one); {
		case err == nil:
			a.can |= one
		case unsupported(err):
			a.cannot |= one
		}
	}
	if a.cannot&spec.VFMaxRate != 0 {
		a.cannot |= spec.VFMinRate
	}
	if have.VLAN == 0 && !f.VFs[0].Use().InUse() {
		err := k.kernel.SetVF(f, 0, spec.VF{TPID: spec.TPIDService}, spec.VFVLAN)
		a.qinq, a.qinqUnknown = err == nil, err != nil && !unsupported(err)
	}
	k.learned[key] = a
}

func unsupported(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT)
}

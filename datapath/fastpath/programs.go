package fastpath

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/signalbox/signalbox/gen/bpf"
)

// programs are those that work while nobody traces.
type programs struct {
	SwitchIngress *ebpf.Program `ebpf:"switch_ingress"`
	Clock         *ebpf.Program `ebpf:"clock"`
	FoldCounters  *ebpf.Program `ebpf:"fold_counters"`
	ReadCarriers  *ebpf.Program `ebpf:"read_carriers"`
}

// Close unloads them.
func (p *programs) Close() error {
	return errors.Join(p.SwitchIngress.Close(), p.Clock.Close(), p.FoldCounters.Close(), p.ReadCarriers.Close())
}

// programs loads the programs on the maps of o. Without caching every frame
// takes all stages; only measurements and tests want that.
func (o *Objects) programs(spec *ebpf.CollectionSpec, caching bool) (p programs, err error) {
	if err := o.setVariables(spec, caching); err != nil {
		return p, err
	}
	if err := spec.LoadAndAssign(&p, &ebpf.CollectionOptions{MapReplacements: o.maps}); err != nil {
		return p, fmt.Errorf("load program: %w", err)
	}
	return p, nil
}

// setVariables sets what every build of the program has set.
func (o *Objects) setVariables(spec *ebpf.CollectionSpec, caching bool) error {
	return errors.Join(
		setVariable(spec, bpf.SwitchVarHz, o.hz),
		setVariable(spec, bpf.SwitchVarRefreshAfter, max(1, o.hz/2)),
		setVariable(spec, bpf.SwitchVarCaching, caching),
	)
}

func setVariable(spec *ebpf.CollectionSpec, name string, value any) error {
	if err := spec.Variables[name].Set(value); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// use makes a program the one that is to be attached.
func (o *Objects) use(p *ebpf.Program) error {
	info, err := p.Info()
	if err != nil {
		return fmt.Errorf("program info: %w", err)
	}
	o.program = p
	o.current, _ = info.ID()
	return nil
}

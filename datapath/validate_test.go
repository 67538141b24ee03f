package datapath

import (
	"errors"
	"strconv"
	"testing"

	"github.com/signalbox/signalbox/datapath/spec"
)

// TestTooManyInterfaces: those that are no switch ports are bounded too.
func TestTooManyInterfaces(t *testing.T) {
	w := newWorld()
	c := spec.Change{Ports: map[string]*spec.Port{}}
	for i := range spec.MaxInterfaces {
		name := "i" + strconv.Itoa(i)
		c.Ports[name] = &spec.Port{Name: name, Enabled: true}
	}
	if err := w.apply(c); err != nil {
		t.Fatal(err)
	}
	one := spec.Change{Ports: map[string]*spec.Port{"more": {Name: "more", Enabled: true}}}
	var invalid *spec.Invalid
	if err := w.apply(one); !errors.As(err, &invalid) || !invalid.Full || invalid.Port != "more" {
		t.Errorf("one more: %v, want no room for it", err)
	}
	one.Ports["i0"] = nil
	if err := w.apply(one); err != nil {
		t.Errorf("one for another: %v", err)
	}
}

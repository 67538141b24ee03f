package telemetry

import (
	"context"
	"fmt"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// drops is a source of rows in a list below each interface.
type drops struct{ interfaces, rows int }

func (drops) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardDirection, ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardReason,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateDirection, ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStatePkts,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateReason, ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateSflowCode,
	}
}

func (drops) Events() bool { return false }

func (d drops) Read(_ context.Context, _ []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	directions := ocpath.Get(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardDirection).Values
	reasons := ocpath.Get(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardReason).Values
	for i := range d.interfaces {
		name := fmt.Sprintf("eth%d", i)
		for n := range d.rows {
			direction, reason := directions[n%2].Name, reasons[n/2%len(reasons)].Name
			err := emit([]string{name, direction, reason}, []schema.Value{
				schema.EnumValue(direction), schema.EnumValue(reason), schema.EnumValue(direction), schema.UintValue(0), schema.EnumValue(reason), schema.UintValue(uint64(n)),
			})
			if err != nil {
				return time.Time{}, err
			}
		}
	}
	return time.Now(), nil
}

// BenchmarkGetRows is a Get of all interfaces, each of which has a list with
// rows of a source.
func BenchmarkGetRows(b *testing.B) {
	for _, enc := range []gpb.Encoding{gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO} {
		b.Run(enc.String(), func(b *testing.B) {
			e := newEngine(b, Options{}, drops{1000, 40})
			fill(b, e, 1000)
			req := &gpb.GetRequest{Path: []*gpb.Path{protoPath(b, "/interfaces")}, Encoding: enc}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.GetWithin(context.Background(), req, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

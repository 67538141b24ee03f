package dcb

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// attribute writes one as the kernel does.
func attribute(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func nest(kind uint16, attributes ...[]byte) []byte {
	return attribute(kind, joined(attributes)...)
}

func joined(parts [][]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func answer(command uint8, attributes ...[]byte) []byte {
	return append([]byte{0, command, 0, 0}, joined(attributes)...)
}

// ets has the first four classes: two strict, and two that share.
func ets() []byte {
	b := make([]byte, etsSize)
	b[0], b[1], b[2] = 1, 4, 1
	copy(b[3:], []byte{100, 0, 40, 60, 100}) // some drivers say 100 of a strict class
	copy(b[19:], []byte{0, 1, 2, 2, 255})
	copy(b[27:], []byte{0, 0, 1, 1, 2, 2, 3, 3})
	return b
}

func pfc() []byte {
	b := make([]byte, pfcSize)
	b[1], b[2] = 0b1001, 1
	binary.NativeEndian.PutUint16(b[4:], 7000)
	for p := range 8 {
		binary.NativeEndian.PutUint64(b[8+8*p:], uint64(p+1))
		binary.NativeEndian.PutUint64(b[72+8*p:], uint64(10*(p+1)))
	}
	return b
}

func rates() (b []byte) {
	for _, r := range []uint64{1000, 0, ^uint64(0), 4, 5, 6, 7, 8} {
		b = binary.NativeEndian.AppendUint64(b, r)
	}
	return b
}

func buffers() []byte {
	b := []byte{0, 0, 0, 0, 1, 1, 1, 1}
	for _, n := range []uint32{100, 200, 0, 0, 0, 0, 0, 0, 300} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return b
}

func app(selector, priority uint8, protocol uint16) []byte {
	return attribute(application, binary.NativeEndian.AppendUint16([]byte{selector, priority}, protocol)...)
}

func whole() []byte {
	return answer(cmdGetIEEE,
		attribute(attrName, []byte("eth0\x00")...),
		nest(attrIEEE|0x8000, // as newer kernels mark what is nested
			attribute(ieeeETS, ets()...), attribute(ieeeMaxRate, rates()...), attribute(ieeePFC, pfc()...), attribute(ieeeBuffer, buffers()...),
			nest(ieeeApplications, app(5, 6, 46), app(1, 3, 0x8906), attribute(2, 255, 1, 9, 0)),
			attribute(99, 1, 2, 3)),
		attribute(attrDCBX, 0x0a))
}

func TestParse(t *testing.T) {
	yes, no := uint8(0), uint8(0xea) // -22
	applications := spec.NewDCBApplications([]spec.DCBApplication{{Selector: spec.SelectEtherType, Protocol: 0x8906, Priority: 3}, {Selector: spec.SelectDSCP, Protocol: 46, Priority: 6}})
	tests := []struct {
		name    string
		message []byte
		want    reply
	}{
		{"nothing", answer(cmdGetIEEE), reply{}},
		{"all", whole(), reply{
			name: "eth0", ets: ets(), pfc: pfc(),
			state: spec.DCBState{
				HasDCBX: true, HasETS: true, HasPFC: true, HasRates: true, HasBuffers: true,
				DCBX: spec.DCBXLLDManaged | spec.DCBXIEEE,
				ETS: spec.ETS{
					Willing: true, Bandwidth: [8]uint8{2: 40, 3: 60}, Class: [8]uint8{0, 0, 1, 1, 2, 2, 3, 3},
					Algorithm: [8]spec.Algorithm{spec.StrictPriority, spec.CreditBased, spec.EnhancedTS, spec.EnhancedTS},
				},
				ETSClasses: 4, CreditBased: true,
				PFC: spec.PFC{Enabled: 9, MACsecBypass: true, Delay: 7000}, PFCClasses: 8,
				Applications: applications,
				RateKilobits: [8]uint64{1000, 0, 0, 4, 5, 6, 7, 8},
				Buffers:      spec.DCBBuffers{Buffer: [8]uint8{4: 1, 5: 1, 6: 1, 7: 1}, Octets: [8]uint32{100, 200}, AllOctets: 300},
			},
			counters: spec.DCBCounters{Requests: [8]uint64{1, 2, 3, 4, 5, 6, 7, 8}, Indications: [8]uint64{10, 20, 30, 40, 50, 60, 70, 80}},
		}},
		{"capabilities", answer(cmdGetCapabilities, nest(attrCapabilities,
			attribute(2, 1), attribute(3, 1), attribute(4, 1), attribute(5, 0x80), attribute(6, 0x88), attribute(7, 1), attribute(8, 1), attribute(9, 0x0f), attribute(77, 1))),
			reply{state: spec.DCBState{Capabilities: spec.DCBCapabilities{
				Known: true, PriorityGroups: true, PriorityFlowControl: true, PriorityMapping: true, GroupStrict: true, CongestionNotification: true,
				ETSNumbers: 0x80, PFCNumbers: 0x88, DCBX: 0x0f,
			}}}},
		{"numbers of classes", answer(cmdGetClasses, nest(attrClasses, attribute(2, 8), attribute(3, 4))),
			reply{state: spec.DCBState{Capabilities: spec.DCBCapabilities{ETSClassesNow: 8, PFCClassesNow: 4}}}},
		{"done", answer(cmdSetIEEE, attribute(attrIEEE, 0)), reply{verdict: &yes}},
		{"refused", answer(cmdDeleteIEEE, attribute(attrIEEE, no)), reply{verdict: &no}},
		{"mode refused", answer(cmdSetDCBX, attribute(attrDCBX, no)), reply{verdict: &no}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.message)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(reply{})); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseRefusesWhatIsShort(t *testing.T) {
	tests := []struct {
		name    string
		message []byte
		want    string
	}{
		{"header", []byte{0, 21}, "message of 2 octets"},
		{"attribute", answer(cmdGetIEEE, []byte{200, 0, 1, 0}), "attribute of 200 octets among 4"},
		{"no attribute", answer(cmdGetIEEE, []byte{3, 0, 1, 0}), "attribute of 3"},
		{"ETS", answer(cmdGetIEEE, nest(attrIEEE, attribute(ieeeETS, ets()[:58]...))), "ETS of 58 octets"},
		{"PFC", answer(cmdGetIEEE, nest(attrIEEE, attribute(ieeePFC, 1))), "PFC of 1 octets"},
		{"application", answer(cmdGetIEEE, nest(attrIEEE, nest(ieeeApplications, attribute(application, 1, 2)))), "application of 2 octets"},
		{"rates", answer(cmdGetIEEE, nest(attrIEEE, attribute(ieeeMaxRate, rates()[:63]...))), "rates of 63"},
		{"buffers", answer(cmdGetIEEE, nest(attrIEEE, attribute(ieeeBuffer, 1, 2, 3))), "buffers of 3"},
		{"mode", answer(cmdGetIEEE, attribute(attrDCBX)), "mode of DCBX of 0"},
		{"capability", answer(cmdGetCapabilities, nest(attrCapabilities, attribute(2))), "capability of 0"},
		{"classes", answer(cmdGetClasses, nest(attrClasses, attribute(2))), "number of classes of 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parse(tt.message); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestReasonBy: what the running kernel answers, kernel_test.go compares; here
// is what the others do (rtnetlink_rcv_msg, and dcb_doit in net/dcb/dcbnl.c).
func TestReasonBy(t *testing.T) {
	for _, tt := range []struct {
		answer error
		want   string
	}{{unix.EOPNOTSUPP, noKernel}, {unix.EINVAL, noDevice}, {unix.EPERM, ""}, {nil, ""}} {
		got, err := reasonBy(tt.answer)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%v: %q, %v; want %q", tt.answer, got, err, tt.want)
		}
	}
}

// FuzzParse: whatever comes, an answer or an error, and what is told of the
// classes stays within the standard's eight.
func FuzzParse(f *testing.F) {
	f.Add(whole())
	f.Add(answer(cmdSetIEEE, attribute(attrIEEE, 0xea)))
	f.Add(answer(cmdGetCapabilities, nest(attrCapabilities, attribute(2, 1))))
	f.Add(answer(cmdGetClasses, nest(attrClasses, attribute(2, 8), attribute(3, 4))))
	f.Add(answer(cmdGetIEEE, []byte{5, 0, 14, 0, 1})) // the last one is not padded
	f.Fuzz(func(t *testing.T, m []byte) {
		r, err := parse(m)
		if err != nil {
			return
		}
		if s := r.state; s.HasETS && (s.ETSClasses < 1 || s.ETSClasses > 8) || s.HasPFC && (s.PFCClasses < 1 || s.PFCClasses > 8) {
			t.Errorf("%d and %d traffic classes", s.ETSClasses, s.PFCClasses)
		}
		var again []spec.DCBApplication
		for a := range r.state.Applications.All() {
			again = append(again, a)
		}
		if len(again) != r.state.Applications.Len() || spec.NewDCBApplications(again) != r.state.Applications {
			t.Errorf("applications %s are no set", r.state.Applications)
		}
	})
}

package config

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/server/config/journal"
)

// BenchmarkG22_SetOfManyLeaves is a Set of 12,000 leaves of 4,000 interfaces, of
// which 8,000 change: each leaf its own update, each interface one, all of it a
// replace of the root, and as command text.
func BenchmarkG22_SetOfManyLeaves(b *testing.B) {
	for _, form := range []string{"leaves", "json", "replace", "commands"} {
		b.Run(form, func(b *testing.B) {
			options := Options{Dir: b.TempDir(), Device: yes{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
			options.fs = noSync{journal.Dir(options.Dir)}
			s, err := Open(context.Background(), options)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			requests := [2]*gpb.SetRequest{manyLeaves(b, form, 0), manyLeaves(b, form, 1)}
			if _, err := s.Set(context.Background(), manyLeaves(b, "json", 2)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if _, err := s.Set(context.Background(), requests[i%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// manyLeaves is such a Set, in one of the forms; round makes its values differ.
func manyLeaves(t testing.TB, form string, round int) *gpb.SetRequest {
	const ports = 4000
	var lines, text []string
	all := `replace / {"openconfig-interfaces:interfaces":{"interface":[`
	for i := range ports {
		path := fmt.Sprintf("/interfaces/interface[name=port%d]/config", i)
		description := fmt.Sprintf("round %d of port %d", round, i)
		switch form {
		case "leaves":
			lines = append(lines,
				fmt.Sprintf("update %s/type \"ethernetCsmacd\"", path),
				fmt.Sprintf("update %s/mtu %d", path, 1400+round), fmt.Sprintf("update %s/description %q", path, description))
		case "commands":
			text = append(text,
				fmt.Sprintf("set %s/type ethernetCsmacd", path),
				fmt.Sprintf("set %s/mtu %d", path, 1400+round), fmt.Sprintf("set %s/description %s", path, description))
		case "json":
			lines = append(lines, fmt.Sprintf(`update %s {"type":"ethernetCsmacd","mtu":%d,"description":%q}`, path, 1400+round, description))
		default:
			if i > 0 {
				all += ","
			}
			all += fmt.Sprintf(`{"name":"port%d","config":{"name":"port%d","type":"ethernetCsmacd","mtu":%d,"description":%q}}`, i, i, 1400+round, description)
		}
	}
	if form == "replace" {
		lines = []string{all + `]}}`}
	}
	r := request(t, lines...)
	if text != nil {
		r.Update = append(r.Update, commandsOf(text...))
	}
	return r
}

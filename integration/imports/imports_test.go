// Package imports keeps the arrows between the project's packages pointing
// down the table of ARCHITECTURE.md. It has no code but this test.
package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/signalbox/signalbox/"

// room is one row of ARCHITECTURE.md's table: a package, or with "/..." it and
// all below it, and the own packages that it may import.
type room struct {
	path   string
	allows []string
}

// rooms stand from the bottom to the top.
func rooms() []room {
	return []room{
		{"gen/generate/...", nil},
		{"gen/oc", nil},
		{"gen/ocpath", nil},
		{"gen/bpf", nil},
		{"datapath/spec", nil},
		{"datapath/reconcile", nil},
		{"datapath/lldp", []string{"datapath/spec"}},
		{"datapath/filter", nil},
		{"datapath/fastpath", []string{"datapath/spec", "datapath/reconcile", "gen/bpf"}},
		{"datapath/netdev", []string{"datapath/spec", "datapath/reconcile"}},
		{"datapath/dcb", []string{"datapath/spec"}},
		{"datapath/sriov", []string{"datapath/spec", "datapath/reconcile", "datapath/netdev"}},
		{"datapath/lag", []string{"datapath/spec"}},
		{"datapath/lacp", []string{"datapath/spec"}},
		{"datapath/...", []string{"datapath/spec", "datapath/reconcile", "datapath/fastpath", "datapath/netdev", "datapath/dcb", "datapath/sriov", "datapath/lag", "datapath/lacp", "datapath/lldp", "datapath/filter", "datapath/internal/...", "gen/bpf"}},
		{"telemetry/wire", nil},
		{"telemetry/schema", []string{"gen/ocpath", "telemetry/wire"}},
		{"telemetry/...", []string{"telemetry/...", "gen/ocpath"}},
		{"server/openconfig/...", []string{"gen/oc", "gen/ocpath", "datapath/spec", "telemetry/...", "server/host"}},
		{"server/config/...", []string{"server/openconfig/...", "server/config/...", "gen/oc", "gen/ocpath", "datapath/spec", "telemetry/..."}},
		{"server/file", nil},
		{"server/access", []string{"telemetry/schema", "server/file"}},
		{"server/gnmi/...", []string{"server/access", "server/config/...", "server/openconfig", "telemetry/...", "gen/ocpath"}},
		{"server/host", nil},
		{"server/dialout", nil},
		{"server/sflow", []string{"server/openconfig", "telemetry", "telemetry/schema", "gen/ocpath", "datapath/spec"}},
		{"server/gnoi", []string{"server/openconfig", "datapath/spec"}},
		{"server/trace", []string{"server/openconfig", "server/file", "telemetry", "telemetry/schema", "gen/ocpath", "datapath/spec"}},
		{"server/metrics", []string{"telemetry", "telemetry/schema", "gen/ocpath", "datapath/spec"}},
		{"server", []string{"server/...", "telemetry/...", "datapath/spec", "gen/ocpath"}},
		{"cmd/signalbox/internal/element", nil},
		{"cmd/signalbox/internal/top", []string{"cmd/signalbox/internal/element"}},
		{"cmd/signalbox/internal/packets", nil},
		{"cmd/signalbox", []string{"cmd/signalbox/internal/...", "server", "server/access", "server/dialout", "datapath", "datapath/spec", "gen/ocpath"}},
		{"integration/...", []string{"integration/..."}},
	}
}

// Only these may know the YANG structs.
var structReaders = []string{"gen/oc", "server/openconfig/...", "server/config/..."}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestArrowsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		i := slices.IndexFunc(rooms(), func(r room) bool { return within(name, r.path) })
		if i < 0 {
			t.Errorf("package %s has no room: enter it into ARCHITECTURE.md and here", name)
			continue
		}
		for _, other := range own(p.Imports) {
			if !anyWithin(other, rooms()[i].allows) && other != name {
				t.Errorf("%s imports %s, which its room does not allow", name, other)
			}
		}
	}
}

func TestOnlyTheEdgeKnowsYANGStructs(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		all := own(slices.Concat(p.Imports, p.TestImports, p.XTestImports))
		if slices.Contains(all, "gen/oc") && !anyWithin(name, structReaders) {
			t.Errorf("%s imports gen/oc: inside there are native types only", name)
		}
	}
}

func TestSpecUsesTheStandardLibraryOnly(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"datapath/spec" {
			continue
		}
		for _, other := range p.Imports {
			if strings.Contains(strings.SplitN(other, "/", 2)[0], ".") {
				t.Errorf("datapath/spec imports %s", other)
			}
		}
	}
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	c := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...")
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, complaints.String())
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// own keeps the project's packages, without the module's path.
func own(imports []string) []string {
	var out []string
	for _, p := range imports {
		if name, ok := strings.CutPrefix(p, module); ok {
			out = append(out, name)
		}
	}
	return out
}

func anyWithin(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return within(name, p) })
}

// within reports whether a package matches a pattern of the table.
func within(name, pattern string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == folder || strings.HasPrefix(name, folder+"/")
	}
	return name == pattern
}

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openconfig/goyang/pkg/yang"
)

// The project's own modules, and the manifest of the upstream ones.
const (
	ownDir       = "yang"
	manifestFile = "yang/openconfig.sum"
	deviations   = "signalbox-deviations"
)

// served names the upstream modules the element serves; they and the modules
// they import are read.
var served = []string{
	"release/models/interfaces/openconfig-if-aggregate.yang",
	"release/models/interfaces/openconfig-if-ethernet.yang",
	"release/models/interfaces/openconfig-if-rates.yang",
	"release/models/interfaces/openconfig-if-sdn-ext.yang",
	"release/models/interfaces/openconfig-interfaces.yang",
	"release/models/lacp/openconfig-lacp.yang",
	"release/models/lldp/openconfig-lldp.yang",
	"release/models/network-instance/openconfig-network-instance.yang",
	"release/models/platform/openconfig-platform-cpu.yang",
	"release/models/platform/openconfig-platform-port.yang",
	"release/models/platform/openconfig-platform.yang",
	"release/models/qos/openconfig-qos.yang",
	"release/models/sampling/openconfig-sampling-sflow.yang",
	"release/models/system/openconfig-system-grpc.yang",
	"release/models/system/openconfig-system.yang",
	"release/models/vlan/openconfig-vlan.yang",
}

// models are the YANG files to read: the upstream folder and the project's
// own modules, in a fixed order.
type models struct {
	dir string   // the upstream folder
	own []string // own modules, the deviations not among them
}

// openModels finds the files and checks the upstream ones against the
// manifest, or writes the manifest anew.
func openModels(dir string, update bool) (*models, error) {
	want, err := readManifest(manifestFile)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "release", "models")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no upstream models in %s; get them with\n\tgit clone --branch %s %s %s",
			dir, want.tag, want.repository, dir)
	}
	own, err := filepath.Glob(filepath.Join(ownDir, "signalbox-*.yang"))
	if err != nil {
		return nil, err
	}
	m := &models{dir: dir}
	for _, file := range own {
		if moduleName(file) != deviations {
			m.own = append(m.own, file)
		}
	}
	slices.Sort(m.own)
	if update {
		if want.sums, err = m.sums(); err != nil {
			return nil, err
		}
		return m, want.write(manifestFile)
	}
	have, err := m.sums()
	if err != nil {
		return nil, err
	}
	return m, want.check(have)
}

// moduleName is the name of the module in a file.
func moduleName(file string) string {
	return strings.TrimSuffix(filepath.Base(file), ".yang")
}

// files lists what to generate from: the served upstream modules, the own
// ones, and the deviations if they are wanted.
func (m *models) files(deviated bool) []string {
	var files []string
	for _, f := range served {
		files = append(files, filepath.Join(m.dir, f))
	}
	files = append(files, m.own...)
	if deviated {
		files = append(files, filepath.Join(ownDir, deviations+".yang"))
	}
	return files
}

// path lists the folders in which imports are looked for, in goyang's form:
// "..." stands for every folder below.
func (m *models) path() []string {
	return []string{
		filepath.Join(m.dir, "release", "models", "..."),
		filepath.Join(m.dir, "third_party", "..."),
		ownDir,
	}
}

// parse reads and processes the modules and all they import.
func (m *models) parse(deviated bool) (*yang.Modules, error) {
	ms := yang.NewModules()
	for _, dir := range m.path() {
		expanded, err := yang.PathsWithModules(strings.TrimSuffix(dir, "..."))
		if err != nil {
			return nil, err
		}
		ms.AddPath(expanded...)
	}
	for _, file := range m.files(deviated) {
		if err := ms.Read(file); err != nil {
			return nil, err
		}
	}
	return ms, errors.Join(ms.Process()...)
}

// sums hashes every upstream file that is read, by its path in the upstream
// folder.
func (m *models) sums() (map[string]string, error) {
	ms, err := m.parse(true)
	if err != nil {
		return nil, err
	}
	sums := make(map[string]string)
	for _, set := range []map[string]*yang.Module{ms.Modules, ms.SubModules} {
		for _, mod := range set {
			file, _, _ := strings.Cut(mod.Source.Location(), ":")
			name, err := filepath.Rel(m.dir, file)
			if err != nil || strings.HasPrefix(name, "..") {
				continue // one of the project's own
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(content)
			sums[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
		}
	}
	return sums, nil
}

// manifest pins the upstream models.
//
//	repository https://github.com/openconfig/public
//	tag        v5.9.0
//	commit     f344…
//	SHA-256    path of a file in the repository
type manifest struct {
	repository, tag, commit string
	sums                    map[string]string // SHA-256 in hexadecimal by path
}

// readManifest reads yang/openconfig.sum.
func readManifest(file string) (*manifest, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%w (run this in the root of the repository)", err)
	}
	defer f.Close()
	m := &manifest{sums: make(map[string]string)}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), " ")
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			return nil, fmt.Errorf("%s: line %q has no value", file, lines.Text())
		case key == "repository":
			m.repository = value
		case key == "tag":
			m.tag = value
		case key == "commit":
			m.commit = value
		default:
			m.sums[value] = key
		}
	}
	return m, lines.Err()
}

// write stores the manifest, sorted by path.
func (m *manifest) write(file string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "repository %s\ntag %s\ncommit %s\n", m.repository, m.tag, m.commit)
	for _, name := range sortedKeys(m.sums) {
		fmt.Fprintf(&b, "%s  %s\n", m.sums[name], name)
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// check compares the files that are read with the manifest.
func (m *manifest) check(have map[string]string) error {
	var errs []error
	for _, name := range sortedKeys(m.sums) {
		switch sum, ok := have[name]; {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: in the manifest, but not read", name))
		case sum != m.sums[name]:
			errs = append(errs, fmt.Errorf("%s: SHA-256 is %s, want %s of %s", name, sum, m.sums[name], m.tag))
		}
	}
	for _, name := range sortedKeys(have) {
		if _, ok := m.sums[name]; !ok {
			errs = append(errs, fmt.Errorf("%s: read, but not in the manifest", name))
		}
	}
	if len(errs) > 0 {
		errs = append(errs, fmt.Errorf("the models differ from %s; -update-sums takes them as they are", manifestFile))
	}
	return errors.Join(errs...)
}

// sortedKeys lists the keys of a map in ascending order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

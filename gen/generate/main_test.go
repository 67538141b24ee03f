package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// upstream changes to the root of the repository and gives the folder of the
// upstream models; without it the test is skipped.
func upstream(t *testing.T) string {
	t.Helper()
	t.Chdir("../..")
	dir := defaultModels()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no upstream models in %s", dir)
	}
	return dir
}

// copyModels copies the upstream files of the manifest, and no others, to
// another place.
func copyModels(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "elsewhere")
	m, err := readManifest(manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	for name := range m.sums {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// The committed files are what the models give, also when only the files of
// the manifest are there, in a folder of another name.
func TestCommittedFiles(t *testing.T) {
	dir := upstream(t)
	for _, models := range []string{dir, copyModels(t, dir)} {
		if err := run([]string{"-check", "-models", models}); err != nil {
			t.Error(err)
		}
	}
}

// A changed upstream file is named and nothing is generated.
func TestChangedModel(t *testing.T) {
	dir := copyModels(t, upstream(t))
	const name = "release/models/vlan/openconfig-vlan.yang"
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	err = run([]string{"-check", "-models", dir})
	if err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("got %v, want an error that names %s", err, name)
	}
}

// Without the models the error says how to get them.
func TestNoModels(t *testing.T) {
	t.Chdir("../..")
	err := run([]string{"-check", "-models", "/nonexistent"})
	const want = "git clone --branch v5.9.0 https://github.com/openconfig/public /nonexistent"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

// compare names a file that differs, one that is missing and one that is left
// over.
func TestCompare(t *testing.T) {
	t.Chdir(t.TempDir())
	files := map[string][]byte{"gen/oc/same.go": []byte("same"), "gen/oc/differs.go": []byte("new")}
	if err := write(files); err != nil {
		t.Fatal(err)
	}
	if err := compare(files); err != nil {
		t.Errorf("after write: %v", err)
	}
	for name, content := range map[string]string{"differs.go": "old", "leftover.go": generatedMark, "byhand.go": "package oc\n"} {
		if err := os.WriteFile("gen/oc/"+name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files["gen/oc/missing.go"] = []byte("new")
	err := compare(files)
	if err == nil {
		t.Fatal("got no error")
	}
	for name, want := range map[string]bool{"same": false, "differs": true, "missing": true, "leftover": true, "byhand": false} {
		if got := strings.Contains(err.Error(), name+".go"); got != want {
			t.Errorf("%s.go named: %t, want %t, in: %v", name, got, want, err)
		}
	}
	if err := write(files); err != nil {
		t.Fatal(err)
	}
	if err := compare(files); err != nil {
		t.Errorf("after write: %v", err)
	}
	if _, err := os.Stat("gen/oc/byhand.go"); err != nil {
		t.Errorf("a file that is written by hand: %v", err)
	}
}

// yanglint, the second opinion, loads every module with the deviations.
func TestYanglint(t *testing.T) {
	dir := upstream(t)
	if _, err := exec.LookPath("yanglint"); err != nil {
		t.Skip("no yanglint: apt-get install libyang2-tools")
	}
	src, err := openModels(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data.json")
	for _, test := range []struct{ name, kind, json, fault string }{
		{"no data", "config", `{}`, ""},
		{"a trunk", "config", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"a","type":"iana-if-type:ethernetCsmacd"},
			"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"TRUNK","trunk-vlans":[10,"20..30"]}}}}]}}`, ""},
		{"a switch", "config", `{"openconfig-network-instance:network-instances":{"network-instance":[{"name":"a","config":{"name":"a",
			"type":"openconfig-network-instance-types:L2VSI","signalbox-switch:enabled":false}}]}}`, ""},
		{"discards", "get", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","signalbox-switch-port:switch-port":{"discards":{"discard":[
			{"direction":"EGRESS","reason":"TOO_BIG","state":{"direction":"EGRESS","reason":"TOO_BIG","pkts":"7","sflow-code":262}}]}}}]}}`, ""},
		{"components", "get", `{"openconfig-platform:components":{"component":[{"name":"a","state":{"name":"a","parent":"a"}}]}}`, ""},
		{"a deviated leaf", "config", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","config":{"name":"a","loopback-mode":"NONE"}}]}}`, "loopback-mode"},
		{"a deviated root", "config", `{"openconfig-acl:acl":{}}`, "acl"},
		{"a reason of nobody", "get", `{"openconfig-interfaces:interfaces":{"interface":[{"name":"a","signalbox-switch-port:switch-port":{"discards":{"discard":[
			{"direction":"EGRESS","reason":"BOREDOM"}]}}}]}}`, "BOREDOM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(data, []byte(test.json), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := lint(src, test.kind, data)
			switch {
			case test.fault == "" && err != nil:
				t.Errorf("got %v, want no error:\n%s", err, out)
			case test.fault != "" && (err == nil || !bytes.Contains(out, []byte(test.fault))):
				t.Errorf("got %v, want an error about %q:\n%s", err, test.fault, out)
			}
		})
	}
}

// lint runs yanglint over the modules and one file of data, and gives what it
// says, its warnings about upstream modules left out.
func lint(src *models, kind, data string) ([]byte, error) {
	args := []string{"-ii", "-t", kind}
	for _, dir := range src.path() {
		args = append(args, "-p", strings.TrimSuffix(dir, "/..."))
	}
	args = append(args, src.files(true)...)
	out, err := exec.Command("yanglint", append(args, data)...).CombinedOutput()
	var said []byte
	for line := range bytes.Lines(out) {
		if !bytes.HasPrefix(line, []byte("libyang warn")) {
			said = append(said, line...)
		}
	}
	return said, err
}

// Each own module has a page that names each of its leaves and each value of
// its enumerations.
func TestPages(t *testing.T) {
	src, err := openModels(upstream(t), false)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := loadTree(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(src.own, filepath.Join(ownDir, deviations+".yang")) {
		module := moduleName(file)
		page, err := os.ReadFile(filepath.Join(ownDir, module+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, n := range tr.nodes[1:] {
			if in, err := n.module(); err != nil || in != module || !n.leaf() {
				continue
			}
			words := []string{n.name}
			info, err := tr.typeOf(n)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range info.values {
				words = append(words, v.name)
			}
			for _, word := range words {
				if !bytes.Contains(page, []byte(word+"`")) {
					t.Errorf("%s.md does not say what %s is (%s)", module, word, n.path())
				}
			}
		}
	}
}

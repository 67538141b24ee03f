// Command conformance writes server/gnmi/CONFORMANCE.md: what a gNMI target
// must do, row by row, and the tests that prove it. A test belongs to the rows
// that its name begins with: TestG6_G36_Prefix to G6 and G36.
//
// It runs those tests, and writes the page only where each of them passes; a
// skipped one proves nothing. It is run in the repository's folder, by "make
// conformance", as root.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// pagePath is where the page stands in the repository.
const pagePath = "server/gnmi/CONFORMANCE.md"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run() error {
	tests, err := find(".")
	if err != nil {
		return err
	}
	page, err := render(rows(), tests)
	if err != nil {
		return err
	}
	if err := prove(tests); err != nil {
		return err
	}
	return os.WriteFile(pagePath, page, 0o644)
}

// event is one line of go test -json.
type event struct {
	Action, Package, Test, Output string
}

// prove runs the tests, one package at a time: some share the machine's
// network stack.
func prove(tests []test) error {
	args := []string{"test", "-json", "-count=1", "-p=1", "-timeout=15m", "-run=^TestG[0-9]"}
	var folders []string
	for _, t := range tests {
		folders = append(folders, "./"+t.folder)
	}
	slices.Sort(folders)
	c := exec.Command("go", append(args, slices.Compact(folders)...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	reading := judge(out, tests)
	return errors.Join(reading, c.Wait())
}

// judge reads what go test says and names each test that did not pass, with
// its output.
func judge(r io.Reader, tests []test) error {
	ended := map[test]string{}
	outputs := map[test]*strings.Builder{}
	lines := json.NewDecoder(r)
	for {
		var e event
		if err := lines.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("the output of go test: %w", err)
		}
		name, _, isPart := strings.Cut(e.Test, "/")
		t := test{strings.TrimPrefix(e.Package, module), name}
		switch {
		case e.Action == "output":
			if outputs[t] == nil {
				outputs[t] = &strings.Builder{}
			}
			outputs[t].WriteString(e.Output)
		case isPart && e.Action == "skip":
			ended[t] = "skipped in part"
		case !isPart && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip") && ended[t] == "":
			ended[t] = e.Action
		}
	}
	var errs []error
	for _, t := range tests {
		if ended[t] == "pass" {
			continue
		}
		why := ended[t]
		if why == "" {
			why = "did not run"
		}
		text := ""
		if b := outputs[t]; b != nil {
			text = "\n" + b.String()
		}
		errs = append(errs, fmt.Errorf("%s in %s: %s%s", t.name, t.folder, why, text))
	}
	return errors.Join(errs...)
}

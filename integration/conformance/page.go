package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/signalbox/signalbox/"

// test is one test function.
type test struct {
	folder string // of its package, below the repository's, with slashes
	name   string
}

// of gives the numbers of the rows that a test proves: those its name begins
// with, each with an underscore behind it.
func (t test) of() []int {
	rest, ok := strings.CutPrefix(t.name, "Test")
	var numbers []int
	for ok {
		var id string
		id, rest, ok = strings.Cut(rest, "_")
		n, err := strconv.Atoi(strings.TrimPrefix(id, "G"))
		if !ok || id[:min(1, len(id))] != "G" || err != nil || n < 0 {
			break
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// find gives the tests below a folder that prove rows, ordered by folder and
// name.
func find(root string) ([]test, error) {
	var tests []test
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "gen"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			if t := (test{filepath.ToSlash(folder), f.Name.Name}); t.of() != nil {
				tests = append(tests, t)
			}
		}
		return nil
	})
	slices.SortFunc(tests, func(a, b test) int {
		return strings.Compare(a.folder+"\x00"+a.name, b.folder+"\x00"+b.name)
	})
	return tests, err
}

// introduction stands above the table.
const introduction = `# What the gNMI service does, and what proves it

Made by ` + "`make conformance`" + `, which runs the tests named here and writes this page
when all of them pass. Do not edit it: the rows stand in integration/conformance.
The specification is that of openconfig/reference, rpc/gnmi, version 0.10.0.

`

// render writes the page. A test of a row that is not there, and a row that
// says that it is not served while tests prove it, are mistakes.
func render(rows []row, tests []test) ([]byte, error) {
	proving := map[int][]test{}
	for _, t := range tests {
		for _, n := range t.of() {
			if !slices.ContainsFunc(rows, func(r row) bool { return r.number == n }) {
				return nil, fmt.Errorf("%s in %s: there is no row G%d", t.name, t.folder, n)
			}
			proving[n] = append(proving[n], t)
		}
	}
	var b bytes.Buffer
	b.WriteString(introduction)
	proved := 0
	for _, r := range rows {
		if len(proving[r.number]) > 0 {
			proved++
		}
	}
	fmt.Fprintf(&b, "%d of %d rows are proved.\n", proved, len(rows))
	area := ""
	for _, r := range rows {
		if r.area != area {
			area = r.area
			fmt.Fprintf(&b, "\n## %s\n\n| row | what | tests | result |\n|---|---|---|---|\n", area)
		}
		fmt.Fprintf(&b, "| G%d | %s | %s | %s |\n", r.number, r.says, list(proving[r.number]), result(r, proving[r.number]))
	}
	return b.Bytes(), nil
}

func result(r row, tests []test) string {
	switch {
	case len(tests) == 0:
		return "not served yet"
	case r.lacks != "":
		return "proved, but for: " + r.lacks
	}
	return "proved"
}

// list writes tests by folder, each linked to it.
func list(tests []test) string {
	var parts []string
	folder := ""
	for _, t := range tests {
		name := "`" + strings.TrimPrefix(t.name, "Test") + "`"
		if t.folder != folder {
			folder = t.folder
			name = fmt.Sprintf("[%s](%s): %s", folder, path.Join("../..", folder), name)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

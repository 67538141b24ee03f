package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPageIsFresh compares the page with the tests that are there now.
func TestPageIsFresh(t *testing.T) {
	root := filepath.Join("..", "..")
	tests, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(rows(), tests)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, pagePath))
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for line := range strings.SplitSeq(string(got), "\n") {
		written[line] = true
	}
	if string(got) == string(want) {
		return
	}
	for line := range strings.SplitSeq(string(want), "\n") {
		if !written[line] {
			t.Errorf("%s lacks %q", pagePath, line)
		}
	}
	t.Errorf("%s is stale: make conformance", pagePath)
}

func TestRowsOfATest(t *testing.T) {
	tests := []struct {
		name string
		want []int
	}{
		{"TestG7_Wildcards", []int{7}},
		{"TestG6_G36_Prefix", []int{6, 36}},
		{"TestGet", nil},
		{"TestG7", nil},
		{"TestG7Wildcards", nil},
		{"BenchmarkG7_Get", nil},
	}
	for _, tt := range tests {
		got := test{name: tt.name}.of()
		if len(got) != len(tt.want) {
			t.Errorf("%s: rows %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: rows %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

func TestRender(t *testing.T) {
	table := []row{{number: 1, area: "A", says: "one"}, {number: 2, area: "A", says: "two", lacks: "half"}, {number: 3, area: "B", says: "three"}}
	page, err := render(table, []test{{"a/b", "TestG1_G2_Both"}, {"c", "TestG1_Again"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2 of 3 rows are proved.",
		"| G1 | one | [a/b](../../a/b): `G1_G2_Both`, [c](../../c): `G1_Again` | proved |",
		"| G2 | two | [a/b](../../a/b): `G1_G2_Both` | proved, but for: half |",
		"| G3 | three |  | not served yet |",
	} {
		if !strings.Contains(string(page), want+"\n") {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if _, err := render(table, []test{{"a", "TestG4_None"}}); err == nil || !strings.Contains(err.Error(), "TestG4_None") {
		t.Errorf("a test of no row: %v", err)
	}
}

// TestJudge: a page is written only where every test ran and passed.
func TestJudge(t *testing.T) {
	const start = `{"Action":"run","Package":"github.com/signalbox/signalbox/a","Test":"TestG1_X"}` + "\n"
	line := func(action, name string) string {
		return `{"Action":"` + action + `","Package":"github.com/signalbox/signalbox/a","Test":"` + name + `","Output":"said"}` + "\n"
	}
	tests := []struct {
		name, output, want string
	}{
		{"passed", start + line("pass", "TestG1_X/part") + line("pass", "TestG1_X"), ""},
		{"failed", start + line("output", "TestG1_X") + line("fail", "TestG1_X"), "fail\nsaid"},
		{"skipped", start + line("skip", "TestG1_X"), "skip"},
		{"a part skipped", start + line("skip", "TestG1_X/part") + line("pass", "TestG1_X"), "skipped in part"},
		{"another one passed", line("pass", "TestG1_Y"), "did not run"},
		{"no JSON", "ok  \tsignalbox", "output of go test"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := judge(strings.NewReader(tt.output), []test{{"a", "TestG1_X"}})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

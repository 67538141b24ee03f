package debian

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestFindSource(t *testing.T) {
	stanzas := "Types: deb\n# http://snapshot.example/\nURIs: http://one.example/debian\nSuites: bookworm bookworm-updates\nSigned-By: /k.gpg\n\n" +
		"Types: deb\nURIs: http://two.example\nSuites: other\n"
	lines := "# deb http://no.example bookworm main\ndeb-src http://no.example bookworm main\n" +
		"deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib\n"
	tests := []struct {
		name, ext, text, codename string
		want                      source
		ok                        bool
	}{
		{"stanza", ".sources", stanzas, "bookworm", source{"http://one.example/debian", "/k.gpg"}, true},
		{"second stanza", ".sources", stanzas, "other", source{"http://two.example", ""}, true},
		{"no stanza", ".sources", stanzas, "trixie", source{}, false},
		{"line", ".list", lines, "bookworm", source{"http://one.example/debian", "/k.gpg"}, true},
		{"no line", ".list", lines, "trixie", source{}, false},
		{"half a line", ".list", "deb [\ndeb\ndeb x", "bookworm", source{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := findSource(tt.ext, tt.text, tt.codename); got != tt.want || ok != tt.ok {
				t.Errorf("got %v, %v; want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestUnpackedProgramRuns(t *testing.T) {
	root, err := Unpack(t.Context(), Set{Name: "hostname", Packages: []string{"hostname"}})
	if errors.Is(err, ErrUnavailable) && os.Getenv("CI") != "true" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	args := root.Args("usr/bin/hostname")
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).Output()
	if want, _ := os.Hostname(); err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("hostname says %q, %v; want %q", out, err, want)
	}
}

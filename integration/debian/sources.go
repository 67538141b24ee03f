package debian

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is where packages come from: a mirror, and the keys that sign it.
type source struct{ uri, keyring string }

// release gives a field of os-release(5).
func release(field string) string {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), "="); name == field {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// mirror finds the source of this machine's own release in apt's files
// (sources.list(5), both ways of writing).
func mirror(codename string) (source, error) {
	files, err := filepath.Glob("/etc/apt/sources.list.d/*")
	if err != nil {
		return source{}, err
	}
	for _, name := range append([]string{"/etc/apt/sources.list"}, files...) {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return source{}, err
		}
		if s, ok := findSource(filepath.Ext(name), string(text), codename); ok {
			return s, nil
		}
	}
	return source{}, fmt.Errorf("apt's sources name no mirror for %q", codename)
}

// findSource finds the source of a release in one of apt's files.
func findSource(ext, text, codename string) (source, bool) {
	if ext != ".sources" {
		return findLine(text, codename)
	}
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string]string{}
		for line := range strings.SplitSeq(stanza, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
				fields[strings.ToLower(name)] = strings.TrimSpace(value)
			}
		}
		if slices.Contains(strings.Fields(fields["suites"]), codename) && fields["uris"] != "" {
			return source{strings.Fields(fields["uris"])[0], fields["signed-by"]}, true
		}
	}
	return source{}, false
}

// findLine finds it where each line is "deb [options] URI suite component…".
func findLine(text, codename string) (source, bool) {
	for line := range strings.SplitSeq(text, "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		var s source
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			options, after, _ := strings.Cut(rest[1:], "]")
			rest = after
			for _, o := range strings.Fields(options) {
				if path, ok := strings.CutPrefix(o, "signed-by="); ok {
					s.keyring = path
				}
			}
		}
		fields := strings.Fields(rest)
		if len(fields) >= 2 && fields[1] == codename {
			s.uri = fields[0]
			return s, true
		}
	}
	return source{}, false
}

package debian

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// apt is an apt of its own: lists, cache and status are in its folder, and
// nothing counts as installed.
type apt struct{ dir string }

// prepare makes the folder and apt's files in it.
func (a apt) prepare(from source, suites []string) error {
	if err := os.RemoveAll(a.dir); err != nil {
		return err
	}
	for _, d := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	option := ""
	if from.keyring != "" {
		option = "[signed-by=" + from.keyring + "] "
	}
	var sources strings.Builder
	for _, suite := range suites {
		fmt.Fprintf(&sources, "deb %s%s %s main\n", option, from.uri, suite)
	}
	files := map[string]string{
		"status":       "",
		"sources.list": sources.String(),
		"apt.conf": strings.ReplaceAll(`
Dir::State "@/state"; Dir::State::status "@/status"; Dir::Cache "@/cache";
Dir::Etc::sourcelist "@/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none"; Acquire::Retries "3";
APT::Install-Recommends "false"; APT::Sandbox::User "root"; APT::Update::Error-Mode "any";
`, "@", a.dir),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// download gives the files of a set's packages.
func (a apt) download(ctx context.Context, s Set, suite string) ([]string, error) {
	env := []string{"APT_CONFIG=" + filepath.Join(a.dir, "apt.conf"), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	if _, err := run(ctx, "", env, "apt-get", "-q", "update"); err != nil {
		return nil, err
	}
	args := []string{"-q", "-y", "-t", suite, "--download-only", "install"}
	if s.Alone {
		args = []string{"-q", "-t", suite, "download"}
	}
	names, err := a.resolve(ctx, env, s.Packages)
	if err != nil {
		return nil, err
	}
	archives := filepath.Join(a.dir, "cache", "archives")
	if _, err := run(ctx, archives, env, "apt-get", append(args, names...)...); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(archives, "*.deb"))
}

// resolve replaces a package that only points to another one by that one: of
// "linux-image-amd64" the newest kernel's name.
func (a apt) resolve(ctx context.Context, env []string, packages []string) ([]string, error) {
	names := slices.Clone(packages)
	for i, name := range names {
		if name != "linux-image-amd64" {
			continue
		}
		out, err := run(ctx, "", env, "apt-cache", "show", name)
		if err != nil {
			return nil, err
		}
		for line := range strings.SplitSeq(out, "\n") { // the newest stands first
			if list, ok := strings.CutPrefix(line, "Depends: "); ok {
				names[i], _, _ = strings.Cut(list, " ")
				break
			}
		}
	}
	return names, nil
}

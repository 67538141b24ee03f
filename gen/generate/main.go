// Command generate makes gen/oc and gen/ocpath from the YANG models: the
// upstream ones that yang/openconfig.sum lists and the project's own in yang/.
//
//	go run ./gen/generate -models ../shared/openconfig-public
//
// Run it in the root of the repository. The output is the same to the byte
// wherever the models and the repository lie. It does not make gen/bpf.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run reads the models, generates in memory, and writes or compares.
func run(args []string) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	dir := flags.String("models", defaultModels(), "folder of the upstream models (environment: OPENCONFIG_PUBLIC)")
	check := flags.Bool("check", false, "write nothing; fail where a committed file differs")
	update := flags.Bool("update-sums", false, "write yang/openconfig.sum for the models as they are, then generate")
	list := flags.Bool("list", false, "print the path of each served leaf and generate nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	src, err := openModels(*dir, *update)
	if err != nil {
		return err
	}
	tree, err := loadTree(src)
	if err != nil {
		return err
	}
	if *list {
		return tree.list(os.Stdout)
	}
	files, err := generate(src, tree)
	if err != nil {
		return err
	}
	if *check {
		return compare(files)
	}
	return write(files)
}

// defaultModels is where the upstream models are looked for.
func defaultModels() string {
	if dir := os.Getenv("OPENCONFIG_PUBLIC"); dir != "" {
		return dir
	}
	return "../shared/openconfig-public"
}

// generate gives the content of every generated file by its path in the
// repository.
func generate(src *models, tree *tree) (map[string][]byte, error) {
	files, err := structFiles(src)
	if err != nil {
		return nil, fmt.Errorf("gen/oc: %w", err)
	}
	paths, err := pathFiles(tree)
	if err != nil {
		return nil, fmt.Errorf("gen/ocpath: %w", err)
	}
	for name, content := range paths {
		files[name] = content
	}
	return files, nil
}

// stale lists the files in the generated folders that an earlier run made and
// this one does not. What is written by hand is none of them.
func stale(files map[string][]byte) ([]string, error) {
	var names []string
	for _, pattern := range []string{"gen/oc/*.go", "gen/ocpath/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			if _, ok := files[name]; ok {
				continue
			}
			content, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			if bytes.HasPrefix(content, []byte(generatedMark)) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// write brings the generated folders to the generated content.
func write(files map[string][]byte) error {
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return err
		}
	}
	old, err := stale(files)
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// compare reports every file whose committed content is not the generated one.
func compare(files map[string][]byte) error {
	differ, err := stale(files)
	if err != nil {
		return err
	}
	for name, content := range files {
		have, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !bytes.Equal(have, content) {
			differ = append(differ, name)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	slices.Sort(differ)
	return fmt.Errorf("these files are not what the models give; run make generate:\n\t%s", strings.Join(differ, "\n\t"))
}

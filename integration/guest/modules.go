package guest

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// modules collects kernel modules in the order in which they can be loaded.
type modules struct {
	busybox string
	paths   map[string]string // of the compressed modules by name, with _ for -
	loaded  map[string]bool
	files   []file
}

// findModules reads which modules a folder has.
func findModules(dir, busybox string) (*modules, error) {
	m := &modules{busybox: busybox, paths: map[string]string{}, loaded: map[string]bool{}}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if name, _, ok := strings.Cut(filepath.Base(path), ".ko"); ok && err == nil {
			m.paths[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	return m, err
}

// add adds a module, behind those that it depends on.
func (m *modules) add(ctx context.Context, name string) error {
	name = strings.ReplaceAll(name, "-", "_")
	if m.loaded[name] {
		return nil
	}
	m.loaded[name] = true
	path := m.paths[name]
	if path == "" {
		return fmt.Errorf("the kernel has no module %s", name)
	}
	var complaints bytes.Buffer
	c := exec.CommandContext(ctx, m.busybox, "unxz", "-c", path)
	c.Stderr = &complaints
	content, err := c.Output()
	if err != nil {
		return fmt.Errorf("module %s: %w: %s", name, err, complaints.Bytes())
	}
	return m.addContent(ctx, name, content)
}

// addBuilt adds a module that is in a file of its own, uncompressed.
func (m *modules) addBuilt(ctx context.Context, path string) error {
	name := strings.TrimSuffix(filepath.Base(path), ".ko")
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("module %s: %w", name, err)
	}
	return m.addContent(ctx, name, content)
}

func (m *modules) addContent(ctx context.Context, name string, content []byte) error {
	needs, err := depends(content)
	if err != nil {
		return fmt.Errorf("module %s: %w", name, err)
	}
	for _, n := range needs {
		if err := m.add(ctx, n); err != nil {
			return fmt.Errorf("%w, which %s needs", err, name)
		}
	}
	m.files = append(m.files, file{name: fmt.Sprintf("modules/%03d-%s.ko", len(m.files), name), mode: regular | 0o644, content: content})
	return nil
}

// depends reads what a module says of itself: strings "name=value", each ended
// by 0, in section .modinfo.
func depends(module []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("it has no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(line, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}

package guest

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// file is one file of an archive.
type file struct {
	name    string // without a slash at the front
	mode    uint32 // type and permissions, as in struct stat
	content []byte // a link's target where it is one
}

// Types of files (stat(2)).
const (
	regular   = 0o100000
	directory = 0o040000
)

// writeArchive writes files, and the folders they are in, as the kernel reads
// them at its start: cpio's "newc" format
// (Documentation/driver-api/early-userspace/buffer-format.rst).
//
//	magic 070701, 13 numbers of 8 hexadecimal digits, name, 0, padding to 4,
//	content, padding to 4
func writeArchive(w io.Writer, files []file) error {
	made := map[string]bool{".": true}
	a := archive{w: w}
	for _, f := range files {
		a.folders(made, path.Dir(f.name))
		a.write(f)
	}
	a.write(file{name: "TRAILER!!!"})
	return a.err
}

// archive keeps the first error of its writes.
type archive struct {
	w     io.Writer
	inode int
	err   error
}

func (a *archive) folders(made map[string]bool, dir string) {
	if made[dir] {
		return
	}
	a.folders(made, path.Dir(dir))
	made[dir] = true
	a.write(file{name: dir, mode: directory | 0o755})
}

func (a *archive) write(f file) {
	if a.err != nil {
		return
	}
	a.inode++
	fields := []any{a.inode, f.mode, 0, 0, 1, 0, len(f.content), 0, 0, 0, 0, len(f.name) + 1, 0}
	header := "070701" + fmt.Sprintf(strings.Repeat("%08X", len(fields)), fields...) + f.name + "\x00"
	for _, part := range [][]byte{[]byte(header), f.content} {
		if _, err := a.w.Write(append(part, make([]byte, -len(part)&3)...)); err != nil {
			a.err = fmt.Errorf("archive: %s: %w", f.name, err)
			return
		}
	}
}

// Package file has how a small file is written as a whole. It keeps no file
// open and knows no content; what is appended to is server/config/journal's.
package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file, with a mode, so that a reader, also one after a crash,
// finds the old content or the new one. What it leaves out is to sync the
// folder: until then a crash may bring the old one back.
func Replace(path string, content []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

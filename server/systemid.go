package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/file"
)

// SystemIDFile holds, below the state folder, the address that the element has
// in LACP.
const SystemIDFile = "system-id"

// SystemID gives the element's own address in LACP (IEEE 802.1AX-2020, 6.3.2):
// the one in the state folder, or a new one, which is kept there. It stays the
// same at every start, so that partners see no change of system. The folder
// must be there, and its lock be held (Listen).
func SystemID(stateDir string) (spec.MAC, error) {
	name := filepath.Join(stateDir, SystemIDFile)
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return newSystemID(name)
	}
	if err != nil {
		return spec.MAC{}, fmt.Errorf("system id: %w", err)
	}
	id, err := spec.ParseMAC(strings.TrimSpace(string(content)))
	if err == nil && (id.Multicast() || id.IsZero()) {
		err = fmt.Errorf("%s is not the address of a single station", id)
	}
	if err != nil {
		return spec.MAC{}, fmt.Errorf("system id: %s: %w (remove it to have a new one made)", name, err)
	}
	return id, nil
}

// newSystemID makes a random address of those that everybody may use (locally
// administered, IEEE 802-2014, 8.4).
func newSystemID(name string) (spec.MAC, error) {
	var id spec.MAC
	if _, err := rand.Read(id[:]); err != nil {
		return id, fmt.Errorf("system id: %w", err)
	}
	id[0] = id[0]&^1 | 2
	if err := file.Replace(name, []byte(id.String()+"\n"), 0o644); err != nil {
		return id, fmt.Errorf("system id: %w", err)
	}
	return id, nil
}

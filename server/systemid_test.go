package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSystemIDStays(t *testing.T) {
	dir := t.TempDir()
	first, err := SystemID(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.Multicast() || first.IsZero() || first[0]&2 == 0 {
		t.Errorf("%s is not a locally administered address of a single station", first)
	}
	again, err := SystemID(dir)
	if err != nil || again != first {
		t.Errorf("at the next start: %s, %v; want %s", again, err, first)
	}
	if other, err := SystemID(t.TempDir()); err != nil || other == first {
		t.Errorf("of another element: %s, %v", other, err)
	}
}

func TestSystemIDThatIsNone(t *testing.T) {
	for _, content := range []string{"", "nonsense", "01:00:00:00:00:01", "00:00:00:00:00:00"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, SystemIDFile), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := SystemID(dir); err == nil || !strings.Contains(err.Error(), SystemIDFile) {
			t.Errorf("%q: error %v, want one that names the file", content, err)
		}
	}
}

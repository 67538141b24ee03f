package lacp

import (
	"os"
	"path/filepath"
	"testing"
)

// ScriptedPDUs are all PDUs that the scripts of testdata let be sent.
func ScriptedPDUs(t *testing.T) [][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := &player{t: t, now: epoch(), shown: map[string]string{}, sent: &all}
		p.play(string(script))
	}
	return all
}

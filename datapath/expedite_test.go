package datapath

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestHurry(t *testing.T) {
	tests := []struct {
		name, before, within string
	}{
		{"the host does not hurry", "0\n", "1"},
		{"the host hurries already", "1\n", "1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			h := hurry{setting: filepath.Join(dir, "setting"), mark: filepath.Join(dir, "mark")}
			write(t, h.setting, tt.before)
			end := h.begin()
			if got := read(t, h.setting); got != tt.within {
				t.Errorf("within: %q, want %q", got, tt.within)
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if got := read(t, h.setting); got[0] != tt.before[0] {
				t.Errorf("afterwards: %q, want %q", got, tt.before)
			}
			if _, err := os.Stat(h.mark); err == nil {
				t.Error("the mark stays")
			}
		})
	}
}

func TestHurryEndsAfterAKill(t *testing.T) {
	dir := t.TempDir()
	h := hurry{setting: filepath.Join(dir, "setting"), mark: filepath.Join(dir, "mark")}
	write(t, h.setting, "0\n")
	h.take()
	if err := h.restore(); err != nil { // by the next instance
		t.Fatal(err)
	}
	if got := read(t, h.setting); got != "0" {
		t.Errorf("the setting is %q, want \"0\"", got)
	}
	write(t, h.setting, "1\n") // somebody else's now
	if err := h.restore(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, h.setting); got != "1\n" {
		t.Errorf("the setting of another is %q, want it left", got)
	}
}

// TestHurryOfSeveralElements: one that ends does not end the hurry of another.
func TestHurryOfSeveralElements(t *testing.T) {
	dir := t.TempDir()
	setting := filepath.Join(dir, "setting")
	write(t, setting, "0\n")
	first, second := hurry{setting, filepath.Join(dir, "first")}, hurry{setting, filepath.Join(dir, "second")}
	endFirst, endSecond := first.begin(), second.begin()
	if err := endFirst(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); read(t, setting) != "1"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the second one does not hurry any more")
		}
	}
	if err := endSecond(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, setting); got != "0" {
		t.Errorf("afterwards: %q, want \"0\"", got)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

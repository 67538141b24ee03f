package guest

import (
	"bytes"
	"os/exec"
	"testing"
)

func TestArchiveIsOne(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed; TestGuest proves the same")
	}
	var b bytes.Buffer
	files := []file{{"a/b/c", regular | 0o644, []byte("12345")}, {"a/b/d", regular | 0o755, nil}, {"e", regular | 0o600, make([]byte, 4)}}
	if err := writeArchive(&b, files); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), cpio, "-t", "--quiet")
	c.Stdin = &b
	out, err := c.CombinedOutput()
	if want := "a\na/b\na/b/c\na/b/d\ne\n"; err != nil || string(out) != want {
		t.Errorf("cpio lists %q, %v; want %q", out, err, want)
	}
}

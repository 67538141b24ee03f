package guest

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/signalbox/signalbox/integration/testenv"
)

func TestArchiveIsOne(t *testing.T) {
	busybox := testenv.Packages(t, userland()).Path("usr/bin/busybox")
	var b bytes.Buffer
	files := []file{{"a/b/c", regular | 0o644, []byte("12345")}, {"a/b/d", regular | 0o755, nil}, {"e", regular | 0o600, make([]byte, 4)}}
	if err := writeArchive(&b, files); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), busybox, "cpio", "-t")
	c.Stdin = &b
	out, err := c.Output()
	if want := "a\na/b\na/b/c\na/b/d\ne\n"; err != nil || string(out) != want {
		t.Errorf("cpio lists %q, %v; want %q", out, err, want)
	}
}

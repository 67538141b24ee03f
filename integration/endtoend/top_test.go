package endtoend

import (
	"os"
	"strings"
	"testing"

	"github.com/signalbox/signalbox/integration/element"
)

// TestTop: one screen as text has each port, and none of the other interfaces.
func TestTop(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10))
	s.forwarding(true, "p1")
	ca := s.stateDir + "/tls/cert.pem"
	out, err := s.sw.Run(t.Context(), os.Getenv(binaryVariable), "top", "--count", "1", "--interval", "100ms", "--ca", ca)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "INTERFACE") || !strings.Contains(out, "\np1 ") || strings.Contains(out, "\np2 ") {
		t.Errorf("got\n%s\nwant p1, and not p2, which is no port", out)
	}
}

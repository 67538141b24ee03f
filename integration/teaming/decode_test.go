package teaming_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

// TestPDUsDecode has tshark decode every PDU of two elements through the life of
// their link: it has nothing to say about any of them.
func TestPDUsDecode(t *testing.T) {
	tshark := testenv.Packages(t, debian.Set{Name: "tshark", Packages: []string{"tshark"}})
	p := newPair(t, 2)
	var sockets []*traffic.Socket
	for _, w := range p.Wires {
		for _, side := range []string{traffic.Left, traffic.Right} {
			s, err := traffic.Open(w.Namespace, side)
			ok(t, err)
			defer s.Close()
			sockets = append(sockets, s)
		}
	}
	live(t, p, sockets[0])
	var frames [][]byte
	for _, s := range sockets {
		frames = append(frames, drain(t, s)...)
	}
	if len(frames) < 20 {
		t.Fatalf("only %d PDUs were sent", len(frames))
	}
	file := filepath.Join(t.TempDir(), "pdus.pcap")
	f, err := os.Create(file)
	ok(t, err)
	ok(t, errors.Join(traffic.WriteCapture(f, frames), f.Close()))
	decode := func(filter string) []string {
		args := append(tshark.Args("usr/bin/tshark"), "-n", "-r", file, "-Y", filter, "-T", "fields",
			"-e", "frame.number", "-e", "_ws.expert.message", "-e", "_ws.col.Info")
		c := exec.CommandContext(t.Context(), args[0], args[1:]...)
		c.Env = append(os.Environ(), "HOME="+t.TempDir(), "WIRESHARK_DATA_DIR="+tshark.Path("usr/share/wireshark"))
		var complaints strings.Builder
		c.Stderr = &complaints
		out, err := c.Output()
		if err != nil {
			t.Fatalf("tshark: %v: %s", err, complaints.String())
		}
		return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	}
	if known := decode("lacp || marker"); len(known) != len(frames) {
		t.Errorf("tshark knows %d of %d frames", len(known), len(frames))
	}
	for _, line := range decode("_ws.expert || _ws.malformed || !(lacp || marker)") {
		if line != "" {
			t.Errorf("tshark says of a PDU: %s", line)
		}
	}
	for _, what := range []string{"lacp.actor.state.defaulted==1", "lacp.actor.state.distributing==1", "lacp.actor.state.expired==1", "marker"} {
		if len(strings.Join(decode(what), "")) == 0 {
			t.Errorf("no PDU with %s was sent: this test proves less than it should", what)
		}
	}
	t.Logf("tshark decoded %d PDUs", len(frames))
}

// live has a link do all that one does: come up, answer a marker, lose the
// partner, find it again, lose the carrier, restart.
func live(t *testing.T, p *teaming.Pair, toA *traffic.Socket) {
	t.Helper()
	ok(t, p.Configure(t.Context(), lacp("ACTIVE", "FAST"), lacp("PASSIVE", "SLOW")))
	ok(t, p.Ready(t.Context()))
	ok(t, toA.Send(traffic.Frame{Dst: slowProtocols, Src: traffic.MAC(9), Type: slowType, Payload: marker(traffic.MAC(9), 1)}.Bytes(60)))
	ok(t, p.Wires[0].Mute(true))
	down(t, p.A, "m01", "NO_PARTNER")
	ok(t, teaming.Await(func() error {
		bits, err := p.A.Text(t.Context(), lacpLeaf("m01", "state-bit"))
		if err == nil && !strings.Contains(bits, "DEFAULTED") {
			err = fmt.Errorf("the state is %s", bits)
		}
		return err
	}))
	ok(t, p.Wires[0].Mute(false))
	ok(t, p.Ready(t.Context()))
	ok(t, p.Wires[1].Cut())
	down(t, p.A, "m02", "NO_CARRIER")
	ok(t, p.Wires[1].Mend())
	ok(t, p.Ready(t.Context()))
	ok(t, p.A.Restart(t.Context()))
	ok(t, p.Ready(t.Context()))
}

// drain takes the slow protocols' frames out of a socket.
func drain(t *testing.T, s *traffic.Socket) [][]byte {
	t.Helper()
	var frames [][]byte
	for {
		f, err := s.Receive(10*time.Millisecond, func(f traffic.Frame) bool { return f.Type == slowType })
		if errors.Is(err, traffic.ErrTimeout) {
			return frames
		}
		ok(t, err)
		frames = append(frames, f.Bytes(0))
	}
}

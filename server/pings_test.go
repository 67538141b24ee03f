package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// Frames of HTTP/2 (RFC 9113, 6) that the test below sends and knows.
const (
	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameSettings = 4
	framePing     = 6
	frameGoAway   = 7
)

// TestG43_PingsEachSecond: a collector that asks each second whether the
// connection lives, without any call on it, is answered and not cut off. gRPC's
// own client pings no more often than each ten seconds, so this one is made by
// hand.
func TestG43_PingsEachSecond(t *testing.T) {
	t.Parallel()
	const pings = 5 // by default gRPC cuts a client off before the last
	v := serveIdle(t, options(t, Transport{Insecure: true}))
	conn, err := net.Dial("tcp", v.Target())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, preface); err != nil {
		t.Fatal(err)
	}
	if err := writeFrame(conn, frameSettings, nil); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for i := range pings {
		// As often as is allowed, from when the server has had the one before.
		<-time.After(keepaliveMinimum + 50*time.Millisecond)
		if err := writeFrame(conn, framePing, binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
			t.Fatalf("ping %d: %v", i, err)
		}
		if err := awaitPong(in, uint64(i)); err != nil {
			t.Fatalf("ping %d: %v", i, err)
		}
	}
}

// writeFrame writes a frame of the connection (stream 0) without flags.
//
//	| length 24 | type 8 | flags 8 | stream 32 | payload … |
func writeFrame(w io.Writer, kind byte, payload []byte) error {
	n := len(payload)
	frame := append([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, 0, 0, 0, 0, 0}, payload...)
	_, err := w.Write(frame)
	return err
}

// awaitPong reads until the answer to a ping.
func awaitPong(r io.Reader, number uint64) error {
	for {
		var head [9]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(r, payload); err != nil {
			return err
		}
		const ack = 1
		switch {
		case head[3] == frameGoAway:
			return fmt.Errorf("the server closes the connection: %q", payload)
		case head[3] == framePing && head[4]&ack != 0 && len(payload) == 8:
			if binary.BigEndian.Uint64(payload) != number {
				return errors.New("the answer to another ping")
			}
			return nil
		}
	}
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/testenv"
)

// labProcess is the lab as "make run" starts it.
type labProcess struct {
	*exec.Cmd
	said       strings.Builder // until it was up
	complaints strings.Builder
}

// startLab starts the lab and waits until it is up.
func startLab(t *testing.T, lab, binary string) *labProcess {
	t.Helper()
	p := &labProcess{Cmd: exec.Command(lab, "-element", binary)}
	p.Stderr = &p.complaints
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.end(t, os.Interrupt)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ctrl-C ends it") {
			go io.Copy(io.Discard, out) // ends with the lab
			return p
		}
	}
	t.Fatalf("the lab does not come up: %s%s", p.said.String(), p.complaints.String())
	return nil
}

// end ends the lab by a signal and waits for it.
func (p *labProcess) end(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	err := p.Wait()
	var exit *exec.ExitError
	if signal == os.Kill && errors.As(err, &exit) {
		return
	}
	if err != nil {
		t.Errorf("the lab ends with %v: %s", err, p.complaints.String())
	}
}

// left is what a lab leaves on the host.
func left() []string {
	var names []string
	for _, pattern := range []string{"/run/netns/sbx-*", folder} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return []string{err.Error()}
		}
		names = append(names, found...)
	}
	return names
}

func TestLab(t *testing.T) {
	testenv.NeedRoot(t)
	binary, err := testenv.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lab, err := testenv.BuildPackage(t.TempDir(), "./integration/lab")
	if err != nil {
		t.Fatal(err)
	}

	killed := startLab(t, lab, binary)
	out, err := exec.Command(lab, "-element", binary).CombinedOutput()
	if err == nil || !strings.Contains(string(out), fmt.Sprint(killed.Process.Pid)) {
		t.Errorf("a second lab: %v %s; want it to name the process of the first", err, out)
	}
	killed.end(t, os.Kill)
	testenv.Within(t, 10*time.Second, func() error { return nobodyListens("127.0.0.1:9339") })

	again := startLab(t, lab, binary)
	again.end(t, os.Interrupt)
	if names := left(); len(names) > 0 {
		t.Errorf("after Ctrl-C there is still %v", names)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:9339")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	elsewhere := startLab(t, lab, binary)
	if !strings.Contains(elsewhere.said.String(), "Somebody else listens at 127.0.0.1:9339") {
		t.Errorf("with the port taken it says %s", elsewhere.said.String())
	}
	elsewhere.end(t, os.Interrupt)
}

// nobodyListens is nil where a connection is refused.
func nobodyListens(address string) error {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nil
	}
	return errors.Join(errors.New("somebody listens"), c.Close())
}

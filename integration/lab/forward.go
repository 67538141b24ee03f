package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/signalbox/signalbox/integration/topology"
)

// forwarder passes TCP connections to a loopback address of the host on to an
// address in a namespace, octet by octet: TLS is between the two ends.
type forwarder struct {
	listener net.Listener
	sw       *topology.Namespace
	to       string
	running  sync.WaitGroup

	mu    sync.Mutex // guards conns and ended
	conns map[net.Conn]bool
	ended bool
}

// newForwarder listens at the address, or where it is taken at a free port.
func newForwarder(sw *topology.Namespace, address, to string) (*forwarder, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			return nil, splitErr
		}
		listener, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, fmt.Errorf("pass gNMI on: %w", err)
	}
	f := &forwarder{listener: listener, sw: sw, to: to, conns: map[net.Conn]bool{}}
	f.running.Add(1)
	go f.accept()
	return f, nil
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

// close ends every connection and waits for its goroutines.
func (f *forwarder) close() error {
	err := f.listener.Close()
	f.mu.Lock()
	f.ended = true
	for c := range f.conns {
		err = errors.Join(err, c.Close())
	}
	f.mu.Unlock()
	f.running.Wait()
	return err
}

func (f *forwarder) accept() {
	defer f.running.Done()
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return // closed
		}
		f.running.Add(1)
		go func() {
			defer f.running.Done()
			f.pass(client)
		}()
	}
}

func (f *forwarder) pass(client net.Conn) {
	defer f.forget(client)
	var server net.Conn
	err := f.sw.Do(func() (err error) {
		server, err = net.Dial("tcp4", f.to)
		return err
	})
	if err != nil || !f.keep(client, server) {
		return // the client sees its connection end
	}
	defer f.forget(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(server, client)
	}()
	copyHalf(client, server)
	<-done
}

// copyHalf passes one direction on, its end included. An error ends the
// connection, which is all that can be told of it.
func copyHalf(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if tcp, ok := to.(*net.TCPConn); ok && err == nil {
		err = tcp.CloseWrite()
	}
	if err != nil {
		_ = errors.Join(to.Close(), from.Close())
	}
}

func (f *forwarder) keep(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		f.conns[c] = true
	}
	return !f.ended
}

func (f *forwarder) forget(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	_ = c.Close() // perhaps closed before
}

package netdev

import "golang.org/x/sys/unix"

// ParseLink is for the fuzz test.
var ParseLink = parseLink

// Shrink makes the socket's buffer as small as the kernel allows.
func (w *Watcher) Shrink() error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1)
	})
	if err != nil {
		return err
	}
	return failed
}

package netdev

import (
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	speedUnknown = 0xffffffff // SPEED_UNKNOWN
	duplexFull   = 1          // DUPLEX_FULL
	maxMaskWords = 127        // link_mode_masks_nwords is a signed octet
)

// ethtool asks for link settings by ioctl; the netlink library knows none.
type ethtool struct {
	fd int // -1 while it is not open

	mu    sync.Mutex // guards words
	words int8       // length of the kernel's link mode masks, 0 until it is known
}

func (e *ethtool) open() (err error) {
	if e.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("ethtool: open: %w", err)
	}
	return nil
}

func (e *ethtool) close() error {
	if e.fd < 0 {
		return nil
	}
	return unix.Close(e.fd)
}

// settings is struct ethtool_link_settings (include/uapi/linux/ethtool.h) with
// room for the three masks that follow it.
type settings struct {
	command uint32
	speed   uint32 // megabits per second
	duplex  uint8
	_       [6]uint8 // port, address, autonegotiation, …
	words   int8
	_       [8]uint32
	_       [3 * maxMaskWords]uint32
}

// ifreq is struct ifreq with its pointer.
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// Speed is what the driver tells of the link's speed in megabits per second,
// 0 where it tells none, and whether it is full duplex.
func (c *Conn) Speed(name string) (megabits uint32, fullDuplex bool) {
	c.speed.mu.Lock()
	defer c.speed.mu.Unlock()
	s := settings{words: c.speed.words}
	if !c.speed.get(name, &s) {
		return 0, false
	}
	if s.words < 0 { // the kernel answers with the length it wants
		c.speed.words = -s.words
		s = settings{words: c.speed.words}
		if !c.speed.get(name, &s) {
			return 0, false
		}
	}
	if s.speed == speedUnknown {
		s.speed = 0
	}
	return s.speed, s.duplex == duplexFull
}

// get reports false where the interface or its driver does not answer: most
// virtual devices have no speed.
func (e *ethtool) get(name string, s *settings) bool {
	s.command = unix.ETHTOOL_GLINKSETTINGS
	r := ifreq{data: unsafe.Pointer(s)}
	if copy(r.name[:unix.IFNAMSIZ-1], name) < len(name) {
		return false
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
	return errno == 0
}

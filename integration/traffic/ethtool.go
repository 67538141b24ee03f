package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/signalbox/signalbox/integration/topology"
	"golang.org/x/sys/unix"
)

// GRO sets generic receive offload of an interface (ethtool -K NAME gro on),
// which gives a veth the NAPI context that XDP frames need.
func GRO(n *topology.Namespace, name string, on bool) error {
	value := make([]byte, 8) // struct ethtool_value: command, value
	binary.NativeEndian.PutUint32(value, unix.ETHTOOL_SGRO)
	if on {
		binary.NativeEndian.PutUint32(value[4:], 1)
	}
	if err := n.Do(func() error { return ethtool(name, value) }); err != nil {
		return fmt.Errorf("interface %s: receive offload: %w", name, err)
	}
	return nil
}

// Speed sets what an interface tells of its speed, where its driver lets it, as
// that of a tap does.
//
//	struct ethtool_cmd, 44 octets: command (4) … speed at 12 (2), duplex at 14,
//	the speed's upper half at 28 (2)
func Speed(n *topology.Namespace, name string, megabits uint32) error {
	value := make([]byte, 44)
	binary.NativeEndian.PutUint32(value, unix.ETHTOOL_SSET)
	binary.NativeEndian.PutUint16(value[12:], uint16(megabits))
	binary.NativeEndian.PutUint16(value[28:], uint16(megabits>>16))
	value[14] = 1 // full
	if err := n.Do(func() error { return ethtool(name, value) }); err != nil {
		return fmt.Errorf("interface %s: speed: %w", name, err)
	}
	return nil
}

// ethtool runs one command of include/uapi/linux/ethtool.h by
// ioctl(SIOCETHTOOL), in the namespace of the calling thread.
func ethtool(name string, value []byte) (err error) {
	var request struct { // struct ifreq, with the pointer of its union
		name  [unix.IFNAMSIZ]byte
		value unsafe.Pointer
		_     [16]byte
	}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	request.value = unsafe.Pointer(&value[0])
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(value)
	if errno != 0 {
		return errno
	}
	return nil
}

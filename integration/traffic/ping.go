package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/signalbox/signalbox/integration/topology"
	"golang.org/x/sys/unix"
)

// Octets of an ICMP echo message and of the IPv4 header before an answer.
const (
	echoOctets = 64
	ipv4Octets = 20
)

// Ping sends one ICMP echo request (RFC 792) from a namespace and gives the
// time until the answer; ErrTimeout when none comes within the bound. The
// sequence tells the requests of one caller apart.
//
//	0      1      2          4            6          8
//	+------+------+----------+------------+----------+--------
//	| type | code | checksum | identifier | sequence | zeros
//	+------+------+----------+------------+----------+--------
//	type: 8 request, 0 answer; all big endian
func Ping(n *topology.Namespace, to netip.Addr, sequence uint16, bound time.Duration) (took time.Duration, err error) {
	fd := -1
	err = n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ping %s: %w", to, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	const identifier = 0x5bc7
	request := make([]byte, echoOctets)
	request[0] = 8
	binary.BigEndian.PutUint16(request[4:], identifier)
	binary.BigEndian.PutUint16(request[6:], sequence)
	binary.BigEndian.PutUint16(request[2:], Checksum(request))
	start := time.Now()
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrInet4{Addr: to.As4()}); err != nil {
		return 0, fmt.Errorf("ping %s: %w", to, err)
	}
	answer := make([]byte, 1500)
	for left := bound; left > 0; left = bound - time.Since(start) {
		limit := unix.NsecToTimeval(int64(left))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
			return 0, fmt.Errorf("ping %s: %w", to, err)
		}
		size, err := retry(func() (int, error) { return unix.Read(fd, answer) })
		if errors.Is(err, unix.EAGAIN) {
			return 0, ErrTimeout
		}
		if err != nil {
			return 0, fmt.Errorf("ping %s: %w", to, err)
		}
		if isEcho(answer[:size], to, identifier, sequence) {
			return time.Since(start), nil
		}
	}
	return 0, ErrTimeout
}

// isEcho reports whether a packet, IPv4 header first, answers the request.
func isEcho(packet []byte, from netip.Addr, identifier, sequence uint16) bool {
	if len(packet) < ipv4Octets+8 || packet[ipv4Octets] != 0 {
		return false
	}
	source := from.As4()
	return string(packet[12:16]) == string(source[:]) &&
		binary.BigEndian.Uint16(packet[ipv4Octets+4:]) == identifier &&
		binary.BigEndian.Uint16(packet[ipv4Octets+6:]) == sequence
}

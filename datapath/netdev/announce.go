package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Address is a station behind a port, in its VLAN.
type Address struct {
	MAC  spec.MAC
	VLAN uint16 // the tag's VLAN id, 1..4094; 0 sends without a tag
}

const (
	etherTypeRARP = 0x8035
	etherTypeVLAN = 0x8100
	announceWait  = 1 // seconds that an interface may take no frames
)

// Announce sends one frame from each of the addresses out of an interface, in
// their order, so that the switches behind it learn that they are there: a
// reverse ARP request, which nobody answers. Nothing on the interface's own
// ingress sees it. It returns how many went out.
//
// A frame that finds a queue full is lost and the next one tried; any other
// error ends it: errors.Is(err, unix.ENETDOWN) where the interface is down,
// ENXIO or ENODEV where there is none, EAGAIN where it takes no frames for a
// second. It needs CAP_NET_RAW.
func (c *Conn) Announce(ifindex uint32, addresses []Address) (announced int, err error) {
	if len(addresses) == 0 {
		return 0, nil
	}
	fd, err := c.packetSocket()
	if err != nil {
		return 0, fmt.Errorf("interface %d: announce addresses: %w", ifindex, err)
	}
	defer unix.Close(fd)
	err = errors.Join(
		unix.SetNonblock(fd, false),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: announceWait}),
	)
	if err == nil {
		announced, err = announce(fd, ifindex, addresses)
	}
	if err != nil {
		return announced, fmt.Errorf("interface %d: announced %d of %d addresses: %w", ifindex, announced, len(addresses), err)
	}
	return announced, nil
}

func announce(fd int, ifindex uint32, addresses []Address) (announced int, err error) {
	to := &unix.SockaddrLinklayer{Ifindex: int(ifindex), Protocol: networkOrder(etherTypeRARP)}
	frame := make([]byte, 0, etherLeast+4)
	for _, a := range addresses {
		frame = appendRARP(frame[:0], a)
		switch failed := unix.Sendto(fd, frame, 0, to); {
		case failed == nil:
			announced++
		case errors.Is(failed, unix.ENOBUFS):
			err = failed
		default:
			return announced, failed
		}
	}
	return announced, err
}

// appendRARP writes a reverse ARP request (RFC 903) of a station that asks for
// its own address. All numbers are big-endian.
//
//	octet  0  destination, the broadcast address   6
//	       6  source                               6
//	     (12  0x8100 and the VLAN id               4)
//	      12  EtherType 0x8035                     2
//	      14  hardware 1 (Ethernet), protocol 0x0800, their lengths 6 and 4
//	      20  operation 3 (request reverse)        2
//	      22  sender's hardware address            6
//	      28  sender's protocol address, zero      4
//	      32  target's hardware address            6
//	      38  target's protocol address, zero      4
//	      42  padding
func appendRARP(b []byte, a Address) []byte {
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	b = append(b, a.MAC[:]...)
	least := etherLeast
	if a.VLAN != 0 {
		b = binary.BigEndian.AppendUint16(b, etherTypeVLAN)
		b = binary.BigEndian.AppendUint16(b, a.VLAN)
		least += 4
	}
	b = binary.BigEndian.AppendUint16(b, etherTypeRARP)
	b = append(b, 0, 1, 0x08, 0x00, 6, 4, 0, 3)
	b = append(b, a.MAC[:]...)
	b = append(b, 0, 0, 0, 0)
	b = append(b, a.MAC[:]...)
	for len(b) < least {
		b = append(b, 0)
	}
	return b
}

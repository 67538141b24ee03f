package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// What the library lacks of devlink (include/uapi/linux/devlink.h).
const (
	devlinkRateGet     = 74
	devlinkRateSet     = 75
	devlinkVFNumber    = 128
	devlinkRateTxShare = 166
	devlinkRateTxMax   = 167
)

// bytesPerMegabit is how many octets a second a megabit per second is: devlink
// counts rates in those.
const bytesPerMegabit = 125_000

// Devlink asks and tells the kernel about the devices behind interfaces. Where the
// kernel has no devlink, no device has anything. It is safe for concurrent use
// until Close.
type Devlink struct {
	socket *nl.SocketHandle
	family int // 0 where the kernel has none
}

// DevlinkPort is the port of a virtual function in the switch of its device, and
// its representor: the interface of the host behind that port.
type DevlinkPort struct {
	Index  uint32 // of the port
	VF     uint16
	Netdev string // "" for none
	// HasRates says that the device has rates for it: assured and most, in
	// megabits per second.
	HasRates         bool
	MinRate, MaxRate uint32
}

// DialDevlink opens a connection to the devices of the calling thread's network
// namespace.
func DialDevlink() (*Devlink, error) {
	d := &Devlink{socket: &nl.SocketHandle{}}
	handle, err := netlink.NewHandle(unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("devlink: open: %w", err)
	}
	defer handle.Close()
	family, err := handle.GenlFamilyGet(nl.GENL_DEVLINK_NAME)
	if errors.Is(err, unix.ENOENT) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("devlink: %w", err)
	}
	d.family = int(family.ID)
	if d.socket.Socket, err = nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_GENERIC); err != nil {
		return nil, fmt.Errorf("devlink: open: %w", err)
	}
	return d, nil
}

// Close ends the connection. It must not be used after.
func (d *Devlink) Close() error {
	if d.family != 0 {
		d.socket.Close()
	}
	return nil
}

// call makes a request about a device, and gives the answers without their
// headers. A dump is about all devices.
func (d *Devlink) call(command uint8, flags int, bus, device string, data ...*nl.RtAttr) ([][]byte, error) {
	if d.family == 0 {
		return nil, unix.EOPNOTSUPP
	}
	r := nl.NewNetlinkRequest(d.family, flags)
	r.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_GENERIC: d.socket}
	r.AddData(&nl.Genlmsg{Command: command, Version: nl.GENL_DEVLINK_VERSION})
	if flags&unix.NLM_F_DUMP == 0 {
		r.AddData(nl.NewRtAttr(nl.DEVLINK_ATTR_BUS_NAME, nl.ZeroTerminated(bus)))
		r.AddData(nl.NewRtAttr(nl.DEVLINK_ATTR_DEV_NAME, nl.ZeroTerminated(device)))
	}
	for _, a := range data {
		r.AddData(a)
	}
	var messages [][]byte
	var err error
	for range dumpTries {
		messages, err = r.Execute(unix.NETLINK_GENERIC, 0)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, 0, len(messages))
	for _, m := range messages {
		if len(m) < nl.SizeofGenlmsg {
			return nil, fmt.Errorf("an answer of %d octets", len(m))
		}
		bodies = append(bodies, m[nl.SizeofGenlmsg:])
	}
	return bodies, nil
}

// Eswitch is the mode of a device's own switch; spec.EswitchNone where it has none
// that can be set.
func (d *Devlink) Eswitch(bus, device string) (spec.Eswitch, error) {
	messages, err := d.call(nl.DEVLINK_CMD_ESWITCH_GET, unix.NLM_F_ACK, bus, device)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV) {
		return spec.EswitchNone, nil
	}
	if err != nil {
		return spec.EswitchNone, fmt.Errorf("devlink %s/%s: mode of its switch: %w", bus, device, err)
	}
	mode := spec.EswitchNone
	for _, m := range messages {
		err = errors.Join(err, eachOf(m, nl.DEVLINK_ATTR_ESWITCH_MODE, func(b []byte) error {
			if len(b) != 2 {
				return fmt.Errorf("a mode of %d octets", len(b))
			}
			mode = spec.EswitchLegacy
			if binary.NativeEndian.Uint16(b) == nl.DEVLINK_ESWITCH_MODE_SWITCHDEV {
				mode = spec.EswitchSwitchdev
			}
			return nil
		}))
	}
	return mode, err
}

// SetEswitch sets the mode of a device's own switch.
func (d *Devlink) SetEswitch(bus, device string, mode spec.Eswitch) error {
	n := uint16(nl.DEVLINK_ESWITCH_MODE_LEGACY)
	if mode == spec.EswitchSwitchdev {
		n = nl.DEVLINK_ESWITCH_MODE_SWITCHDEV
	}
	_, err := d.call(nl.DEVLINK_CMD_ESWITCH_SET, unix.NLM_F_ACK, bus, device, nl.NewRtAttr(nl.DEVLINK_ATTR_ESWITCH_MODE, nl.Uint16Attr(n)))
	return err
}

// Ports reads the ports of a device's virtual functions, by their numbers: those
// that there are in the mode switchdev.
func (d *Devlink) Ports(bus, device string) (map[uint16]DevlinkPort, error) {
	ports := make(map[uint16]DevlinkPort)
	messages, err := d.call(nl.DEVLINK_CMD_PORT_GET, unix.NLM_F_DUMP, bus, device)
	if err != nil {
		return nil, fmt.Errorf("devlink %s/%s: ports: %w", bus, device, err)
	}
	for _, m := range messages {
		p, err := parsePort(m)
		if err != nil {
			return nil, fmt.Errorf("devlink %s/%s: ports: %w", bus, device, err)
		}
		if p.of(bus, device) && p.isVF {
			ports[p.VF] = p.DevlinkPort
		}
	}
	rates, err := d.call(devlinkRateGet, unix.NLM_F_DUMP, bus, device)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return nil, fmt.Errorf("devlink %s/%s: rates: %w", bus, device, err)
	}
	for _, m := range rates {
		r, err := parsePort(m)
		if err != nil {
			return nil, fmt.Errorf("devlink %s/%s: rates: %w", bus, device, err)
		}
		for vf, p := range ports {
			if r.of(bus, device) && r.HasRates && r.hasIndex && p.Index == r.Index {
				p.HasRates, p.MinRate, p.MaxRate = true, r.MinRate, r.MaxRate
				ports[vf] = p
			}
		}
	}
	return ports, nil
}

// SetRates sets the rates of a port, in megabits per second; 0 is none, and any.
func (d *Devlink) SetRates(bus, device string, port, least, most uint32) error {
	rate := func(kind int, n uint32) *nl.RtAttr {
		return nl.NewRtAttr(kind, nl.Uint64Attr(uint64(n)*bytesPerMegabit))
	}
	_, err := d.call(devlinkRateSet, unix.NLM_F_ACK, bus, device,
		nl.NewRtAttr(nl.DEVLINK_ATTR_PORT_INDEX, nl.Uint32Attr(port)), rate(devlinkRateTxShare, least), rate(devlinkRateTxMax, most))
	return err
}

// parsedPort is a port, or its rates, with the device that it is of.
type parsedPort struct {
	DevlinkPort
	bus, device    string
	isVF, hasIndex bool
}

func (p *parsedPort) of(bus, device string) bool { return p.bus == bus && p.device == device }

// parsePort reads what devlink tells of a port or of its rates.
func parsePort(b []byte) (p parsedPort, err error) {
	flavour, numbered := uint16(0), false
	err = eachAttribute(b, func(kind uint16, value []byte) error {
		switch kind {
		case nl.DEVLINK_ATTR_BUS_NAME:
			p.bus = unix.ByteSliceToString(value)
		case nl.DEVLINK_ATTR_DEV_NAME:
			p.device = unix.ByteSliceToString(value)
		case nl.DEVLINK_ATTR_PORT_NETDEV_NAME:
			p.Netdev = unix.ByteSliceToString(value)
		case nl.DEVLINK_ATTR_PORT_INDEX:
			n, err := words(value, 1)
			if err != nil {
				return err
			}
			p.Index, p.hasIndex = n[0], true
		case nl.DEVLINK_ATTR_PORT_FLAVOUR, devlinkVFNumber:
			if len(value) != 2 {
				return fmt.Errorf("attribute %d of %d octets", kind, len(value))
			}
			n := binary.NativeEndian.Uint16(value)
			if kind == devlinkVFNumber {
				p.VF, numbered = n, true
			} else {
				flavour = n
			}
		case devlinkRateTxShare, devlinkRateTxMax:
			if len(value) != 8 {
				return fmt.Errorf("attribute %d of %d octets", kind, len(value))
			}
			megabits := uint32(binary.NativeEndian.Uint64(value) / bytesPerMegabit)
			p.HasRates = true
			if kind == devlinkRateTxShare {
				p.MinRate = megabits
			} else {
				p.MaxRate = megabits
			}
		}
		return nil
	})
	p.isVF = flavour == nl.DEVLINK_PORT_FLAVOUR_PCI_VF && numbered
	return p, err
}

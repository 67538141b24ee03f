package dcb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// ErrIgnored says that a driver accepted a change and did not make it: the
// kernel passes over what a driver has no operation for.
var ErrIgnored = errors.New("the driver accepted it and did not do it")

// ErrRefused says that a driver refused a mode of DCBX, without a reason.
var ErrRefused = errors.New("the driver refuses it")

// Every write is read back. errors.Is(err, unix.ENODEV) where there is no such
// interface, unix.EOPNOTSUPP where it has no DCB, ErrIgnored and ErrRefused as
// above; else the error is the driver's.

// SetDCBX sets who negotiates, and how.
func (c *Conn) SetDCBX(name string, mode spec.DCBXMode) error {
	r := message(unix.RTM_SETDCB, cmdSetDCBX, name)
	r.AddData(nl.NewRtAttr(attrDCBX, []byte{byte(mode)}))
	answer, err := c.ask(r)
	if err == nil && answer.verdict != nil && *answer.verdict != 0 {
		err = ErrRefused
	}
	if err == nil {
		err = c.compare(name, func(r *reply) bool { return r.state.DCBX == mode })
	}
	return failure(err, name, "mode of DCBX to %s", mode)
}

// SetETS sets enhanced transmission selection. What the other end is
// recommended, and the bandwidth of reception, stay as they are.
func (c *Conn) SetETS(name string, want spec.ETS) error {
	err := c.modify(name, ieeeETS, func(r *reply) []byte {
		if r.ets == nil {
			return nil
		}
		b := bytes.Clone(r.ets)
		b[etsWilling] = bit(want.Willing)
		copy(b[etsBandwidth:], want.Bandwidth[:])
		copy(b[etsClassOf:], want.Class[:])
		for class, a := range want.Algorithm {
			b[etsAlgorithm+class] = byte(a)
		}
		return b
	})
	if err == nil {
		err = c.compare(name, func(r *reply) bool { return r.state.ETS == want })
	}
	return failure(err, name, "ETS to %+v", want)
}

// SetPFC sets priority-based flow control.
func (c *Conn) SetPFC(name string, want spec.PFC) error {
	err := c.modify(name, ieeePFC, func(r *reply) []byte {
		if r.pfc == nil {
			return nil
		}
		b := bytes.Clone(r.pfc)
		b[pfcEnabled], b[pfcBypass] = want.Enabled, bit(want.MACsecBypass)
		binary.NativeEndian.PutUint16(b[pfcDelay:], want.Delay)
		return b
	})
	if err == nil {
		err = c.compare(name, func(r *reply) bool { return r.state.PFC == want })
	}
	return failure(err, name, "PFC to %+v", want)
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// modify has the interface's part of DCB written anew, as change makes it of
// what is there; nil where the driver has no such part.
func (c *Conn) modify(name string, part int, change func(*reply) []byte) error {
	r, err := c.ask(message(unix.RTM_GETDCB, cmdGetIEEE, name))
	if err != nil {
		return err
	}
	b := change(&r)
	if b == nil {
		return unix.EOPNOTSUPP
	}
	nest := nl.NewRtAttr(attrIEEE, nil)
	nest.AddRtAttr(part, b)
	return c.tell(cmdSetIEEE, name, nest)
}

// SetApplications makes the priorities of applications those that are wanted,
// and no other. What comes comes before what goes, so that no application is
// without a priority in between.
func (c *Conn) SetApplications(name string, want spec.DCBApplications) error {
	r, err := c.ask(message(unix.RTM_GETDCB, cmdGetIEEE, name))
	if err == nil {
		err = c.tellApplications(cmdSetIEEE, name, want.Without(r.state.Applications))
	}
	if err == nil {
		err = c.tellApplications(cmdDeleteIEEE, name, r.state.Applications.Without(want))
		if errors.Is(err, unix.ENOENT) { // a driver that has one priority for each took the old one away
			err = nil
		}
	}
	if err == nil {
		err = c.compare(name, func(r *reply) bool { return r.state.Applications == want })
	}
	return failure(err, name, "priorities of applications to %s", want)
}

// tellApplications adds or deletes one application at a time: the kernel stops
// at the first that a driver refuses.
func (c *Conn) tellApplications(command uint8, name string, list []spec.DCBApplication) error {
	for _, a := range list {
		entry := binary.NativeEndian.AppendUint16([]byte{byte(a.Selector), a.Priority}, a.Protocol)
		nest := nl.NewRtAttr(attrIEEE, nil)
		nest.AddRtAttr(ieeeApplications, nil).AddRtAttr(application, entry)
		if err := c.tell(command, name, nest); err != nil {
			return err
		}
	}
	return nil
}

// tell sends a change. What the driver says of it stands in the answer: the
// low octet of a negative error number.
func (c *Conn) tell(command uint8, name string, nest *nl.RtAttr) error {
	r := message(unix.RTM_SETDCB, command, name)
	r.AddData(nest)
	answer, err := c.ask(r)
	if err != nil || answer.verdict == nil {
		return err
	}
	switch verdict := int(int8(*answer.verdict)); {
	case verdict < 0:
		return unix.Errno(-verdict)
	case verdict > 0:
		return ErrRefused
	}
	return nil
}

// compare reads back what was written.
func (c *Conn) compare(name string, same func(*reply) bool) error {
	r, err := c.ask(message(unix.RTM_GETDCB, cmdGetIEEE, name))
	if err == nil && !same(&r) {
		err = ErrIgnored
	}
	return err
}

func failure(err error, name, what string, value any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("interface %s: set "+what+": %w", name, value, err)
}

package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hardware is what the firmware tells of the machine (SMBIOS, by
// /sys/class/dmi/id). A field that it does not tell, or fills with a
// placeholder, is "".
type Hardware struct {
	Vendor, Product, Version, SKU, Serial string
	FirmwareVersion                       string
}

// placeholders stand in firmware whose maker filled nothing in.
func placeholders() []string {
	return []string{"none", "n/a", "not specified", "not applicable", "default string",
		"to be filled by o.e.m.", "system manufacturer", "system product name",
		"system version", "system serial number", "sku", "unknown", "0"}
}

// Hardware reads the machine's identity; a machine without such firmware has
// an empty one.
func (h *Host) Hardware() (Hardware, error) {
	dmi, err := h.sys.DMIClass()
	if errors.Is(err, fs.ErrNotExist) {
		return Hardware{}, nil
	}
	if err != nil {
		return Hardware{}, fmt.Errorf("host: hardware: %w", err)
	}
	known := placeholders()
	tell := func(s *string) string {
		if s == nil || slices.Contains(known, strings.ToLower(strings.TrimSpace(*s))) {
			return ""
		}
		return strings.TrimSpace(*s)
	}
	return Hardware{
		Vendor: tell(dmi.SystemVendor), Product: tell(dmi.ProductName), Version: tell(dmi.ProductVersion),
		SKU: tell(dmi.ProductSKU), Serial: tell(dmi.ProductSerial), FirmwareVersion: tell(dmi.BiosVersion),
	}, nil
}

// Processor describes one CPU (/proc/cpuinfo).
type Processor struct {
	Vendor, Model string
}

// Processors reads each CPU that is online, by its number.
func (h *Host) Processors() (map[int]Processor, error) {
	infos, err := h.proc.CPUInfo()
	if err != nil {
		return nil, fmt.Errorf("host: processors: %w", err)
	}
	processors := make(map[int]Processor, len(infos))
	for _, c := range infos {
		processors[int(c.Processor)] = Processor{Vendor: c.VendorID, Model: c.ModelName}
	}
	return processors, nil
}

// System is the system software of the machine.
type System struct {
	Name    string // os-release PRETTY_NAME, "Linux" where it tells none
	Vendor  string // os-release NAME
	Version string // os-release VERSION_ID and the kernel's release: "12 (Linux 6.1.0)"
	Kernel  string // the kernel's release
}

// System reads os-release(5) and the kernel's release.
func (h *Host) System() (System, error) {
	kernel, err := os.ReadFile(h.path("proc/sys/kernel/osrelease"))
	if err != nil {
		return System{}, fmt.Errorf("host: kernel release: %w", err)
	}
	release, err := h.osRelease()
	if err != nil {
		return System{}, err
	}
	s := System{Name: release["PRETTY_NAME"], Vendor: release["NAME"], Kernel: string(bytes.TrimSpace(kernel))}
	if s.Name == "" {
		s.Name = "Linux"
	}
	s.Version = "Linux " + s.Kernel
	if v := release["VERSION_ID"]; v != "" {
		s.Version = v + " (Linux " + s.Kernel + ")"
	}
	return s, nil
}

// osRelease reads the first of the two places of os-release(5) that exists.
func (h *Host) osRelease() (map[string]string, error) {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := os.ReadFile(h.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("host: %w", err)
		}
		return parseAssignments(text), nil
	}
	return nil, nil
}

// parseAssignments reads shell-like NAME=value lines, values bare or quoted.
// Lines that are none are passed over, as os-release(5) asks.
func parseAssignments(text []byte) map[string]string {
	values := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		} else {
			value = strings.Trim(value, `'"`)
		}
		values[name] = value
	}
	return values
}

// Hostname reads the kernel's host name.
func (h *Host) Hostname() (string, error) {
	name, err := os.ReadFile(h.path("proc/sys/kernel/hostname"))
	if err != nil {
		return "", fmt.Errorf("host: name: %w", err)
	}
	return string(bytes.TrimSpace(name)), nil
}

// BootTime is when the kernel started, to the second.
func (h *Host) BootTime() (time.Time, error) {
	stat, err := h.proc.Stat()
	if err != nil {
		return time.Time{}, fmt.Errorf("host: boot time: %w", err)
	}
	return time.Unix(int64(stat.BootTime), 0), nil
}

// Timezone is the name of the local time zone in the Time Zone Database, as
// timedatectl(1) finds it: the target of /etc/localtime, and UTC without one.
// It is "" where the file is a copy that bears no name.
func (h *Host) Timezone() (string, error) {
	target, err := os.Readlink(h.path("etc/localtime"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "UTC", nil
	case err != nil:
		return "", nil //nolint:nilerr // a regular file: a zone without a name
	}
	_, zone, ok := strings.Cut(filepath.ToSlash(target), "zoneinfo/")
	if !ok {
		return "", nil
	}
	return zone, nil
}

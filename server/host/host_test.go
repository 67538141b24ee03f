package host

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// machine lays files out below a new root and opens it.
func machine(t *testing.T, files map[string]string) *Host {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"proc", "sys"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const statFile = `cpu  300 20 100 1000 40 10 30 0 0 0
cpu0 100 20 100 500 40 10 30 0 0 0
cpu1 200 0 0 500 0 0 0 0 0 0
btime 1700000000
`

func TestCPUTimes(t *testing.T) {
	got, err := machine(t, map[string]string{"proc/stat": statFile}).CPUTimes()
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]Times{
		AllCPUs: {4600 * time.Millisecond, 3 * time.Second, time.Second, 200 * time.Millisecond,
			10 * time.Second, 400 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond},
		0: {2600 * time.Millisecond, time.Second, time.Second, 200 * time.Millisecond,
			5 * time.Second, 400 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond},
		1: {2 * time.Second, 2 * time.Second, 0, 0, 5 * time.Second, 0, 0, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

func TestMemory(t *testing.T) {
	tests := []struct {
		name, text string
		want       Memory
		fails      bool
	}{
		{"told", "MemTotal: 1000 kB\nMemFree: 300 kB\nMemAvailable: 600 kB\n",
			Memory{1024000, 307200, 614400, 409600}, false},
		{"not told", "MemTotal: 1000 kB\n", Memory{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := machine(t, map[string]string{"proc/meminfo": tt.text}).Memory()
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %+v, %v; want %+v, failure %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestHardware(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  Hardware
	}{
		{"no firmware", nil, Hardware{}},
		{"told", map[string]string{
			"sys/class/dmi/id/sys_vendor":     "QEMU\n",
			"sys/class/dmi/id/product_name":   "Standard PC (Q35 + ICH9, 2009)\n",
			"sys/class/dmi/id/product_serial": "To Be Filled By O.E.M.\n",
			"sys/class/dmi/id/product_sku":    "\n",
			"sys/class/dmi/id/bios_version":   "1.16.3\n",
		}, Hardware{Vendor: "QEMU", Product: "Standard PC (Q35 + ICH9, 2009)", FirmwareVersion: "1.16.3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := machine(t, tt.files).Hardware()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("hardware (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSystem(t *testing.T) {
	const kernel = "proc/sys/kernel/osrelease"
	tests := []struct {
		name  string
		files map[string]string
		want  System
	}{
		{"no os-release", map[string]string{kernel: "6.1.0\n"}, System{Name: "Linux", Version: "Linux 6.1.0", Kernel: "6.1.0"}},
		{"etc", map[string]string{
			kernel:           "6.1.0\n",
			"etc/os-release": "# comment\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='Debian'\nVERSION_ID=12\njunk\n",
		}, System{"Debian GNU/Linux 12 (bookworm)", "Debian", "12 (Linux 6.1.0)", "6.1.0"}},
		{"usr", map[string]string{kernel: "6.1.0\n", "usr/lib/os-release": "PRETTY_NAME=Arch\n"},
			System{Name: "Arch", Version: "Linux 6.1.0", Kernel: "6.1.0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := machine(t, tt.files).System()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("system (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimezone(t *testing.T) {
	tests := []struct{ name, target, want string }{
		{"absent", "", "UTC"},
		{"named", "/usr/share/zoneinfo/Europe/Stockholm", "Europe/Stockholm"},
		{"elsewhere", "/opt/zone", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := machine(t, map[string]string{"etc/hosts": ""})
			if tt.target != "" {
				if err := os.Symlink(tt.target, h.path("etc/localtime")); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := h.Timezone(); got != tt.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestSelf(t *testing.T) {
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Self()
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != os.Getpid() || p.Name == "" || len(p.Args) == 0 || p.MemoryBytes == 0 {
		t.Errorf("own process %+v", p)
	}
	if boot, err := h.BootTime(); err != nil || p.Start.Before(boot) || p.Start.After(time.Now().Add(time.Minute)) {
		t.Errorf("started %v, booted %v, %v", p.Start, boot, err)
	}
	if _, err := h.process(1 << 30); err == nil {
		t.Error("a process that is not there was read")
	}
}

func TestOpenNames(t *testing.T) {
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a root without /proc was opened")
	}
}

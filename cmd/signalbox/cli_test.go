package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/spf13/cobra"
)

func TestCutPath(t *testing.T) {
	tests := []struct {
		name, in, path, value string
		ok                    bool
	}{
		{"leaf", "/system/config/hostname=sw1", "/system/config/hostname", "sw1", true},
		{"key", "/interfaces/interface[name=eth1]/config/mtu=9000", "/interfaces/interface[name=eth1]/config/mtu", "9000", true},
		{"value with =", "/a[b=c]/d=x=y", "/a[b=c]/d", "x=y", true},
		{"root from a file", "/=@config.json", "/", "@config.json", true},
		{"escaped bracket", `/a[b=\]=]/c=1`, `/a[b=\]=]/c`, "1", true},
		{"no value", "/a[b=c]/d", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, value, ok := cutPath(tt.in)
			if path != tt.path || value != tt.value || ok != tt.ok {
				t.Errorf("cutPath(%q) = %q, %q, %t; want %q, %q, %t", tt.in, path, value, ok, tt.path, tt.value, tt.ok)
			}
		})
	}
}

func TestSetRequest(t *testing.T) {
	s := setFlags{
		updates: []string{
			"/interfaces/interface[name=eth1]/config/description=10",
			"/interfaces/interface[name=eth1]/config/mtu=9000",
			"/interfaces/interface[name=eth1]/config=@-",
		},
		deletes: []string{"/interfaces/interface[name=eth2]"},
	}
	got, err := s.request(strings.NewReader("{\"enabled\":true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`"10"`, "9000", `{"enabled":true}`}
	for i, u := range got.GetUpdate() {
		if value := string(u.GetVal().GetJsonIetfVal()); value != want[i] {
			t.Errorf("update %d has the value %s, want %s", i, value, want[i])
		}
	}
	if len(got.GetDelete()) != 1 || len(got.GetUpdate()) != 3 {
		t.Errorf("got %d deletes and %d updates, want 1 and 3", len(got.GetDelete()), len(got.GetUpdate()))
	}
}

func TestCompletePath(t *testing.T) {
	tests := []struct {
		name, typed string
		want        []string
	}{
		{"first element", "/int", []string{"/interfaces"}},
		{"below a key with a slash", "/interfaces/interface[name=1/2]/ho", []string{"/interfaces/interface[name=1/2]/hold-time"}},
		{"several", "/interfaces/interface[name=*]/config/", []string{
			"/interfaces/interface[name=*]/config/description", "/interfaces/interface[name=*]/config/enabled",
			"/interfaces/interface[name=*]/config/forwarding-viable", "/interfaces/interface[name=*]/config/mtu", "/interfaces/interface[name=*]/config/name",
			"/interfaces/interface[name=*]/config/type",
		}},
		{"unknown", "/nothing/here", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := completePath(nil, nil, tt.typed)
			if strings.Join(got, " ") != strings.Join(tt.want, " ") {
				t.Errorf("completePath(%q) = %q, want %q", tt.typed, got, tt.want)
			}
		})
	}
}

func TestErrorsNameTheRemedy(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"nobody listens", []string{"status", "--address", "127.0.0.1:1"}, "signalbox serve"},
		{"no value", []string{"set", "/interfaces"}, "no value"},
		{"nothing to set", []string{"set"}, "--update"},
		{"wrong type", []string{"get", "--type", "some", "/"}, "operational"},
		{"wrong mode", []string{"watch", "--mode", "never", "/"}, "on-change"},
		{"wrong path", []string{"get", "/interfaces/interface[name"}, "[key=value]"},
		{"too short a trace", []string{"trace", "--duration", "1ms"}, "1s to 24h"},
		{"a capture into nothing", []string{"capture", "arp"}, "write"},
		{"no frame", []string{"explain", "p1", "--frame", "zz"}, "hexadecimal"},
		{"a frame twice", []string{"explain", "p1", "--frame", "00", "--tcp", "80"}, "frame"},
		{"a change that is none", []string{"explain", "p1", "--set", "/interfaces"}, "PATH=VALUE"},
		{"no such file", []string{"status", "--ca", "/nonexistent/ca.pem"}, "--ca"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := rootCommand()
			root.SetArgs(tt.args)
			root.SetOut(&bytes.Buffer{})
			root.SetErr(&bytes.Buffer{})
			err := root.ExecuteContext(context.Background())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("signalbox %s: error %v, want one with %q", strings.Join(tt.args, " "), err, tt.want)
			}
		})
	}
}

func TestPrintRows(t *testing.T) {
	rows := []interfaceRow{
		{Name: "eth1", Admin: "UP", Oper: "DOWN", MTU: 1500, Switch: "default", VLANs: "10,20..30 (native 5)"},
		{Name: "eth10", Admin: "UP", Oper: "UP", MTU: 9000},
	}
	tests := []struct {
		name string
		rows []interfaceRow
		json bool
		want []string
	}{
		{"table", rows, false, []string{"INTERFACE", "eth10", "10,20..30 (native 5)", "9000"}},
		{"table with what controls a terminal", []interfaceRow{{Name: "a\x1b[2J", Description: "b\nc\u202e\U000E0001"}}, false,
			[]string{`a\u001b[2J`, `b\nc\u202e\udb40\udc01`}},
		{"json", rows, true, []string{`"vlans": "10,20..30 (native 5)"`, `"mtu": 9000`}},
		{"empty table", nil, false, []string{"no interface"}},
		{"empty json", nil, true, []string{"[]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			c := versionCommand()
			c.SetOut(&out)
			if err := printRows(c, &clientFlags{json: tt.json}, tt.rows, interfaceColumns(), "no interface"); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("got %q, want %q in it", out.String(), want)
				}
			}
		})
	}
}

func TestUpdateLine(t *testing.T) {
	path, err := element.ParsePath("/interfaces/interface[name=eth1]/state/oper-status")
	if err != nil {
		t.Fatal(err)
	}
	n := &gnmi.Notification{
		Timestamp: 1,
		Update:    []*gnmi.Update{{Path: path, Val: &gnmi.TypedValue{Value: &gnmi.TypedValue_StringVal{StringVal: "UP"}}}},
		Delete:    []*gnmi.Path{path},
	}
	want := []string{"oper-status deleted", "oper-status = UP"}
	for i, r := range updateRows(n) {
		got, err := r.line(false)
		if err != nil || !strings.HasSuffix(got, want[i]) {
			t.Errorf("line() = %q, %v; want it to end in %q", got, err, want[i])
		}
	}
}

func TestUnknownCommands(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"show", ""},
		{"show interfases", `unknown command "interfases" for "signalbox show", did you mean interfaces?`},
		{"show zzzzzz", `unknown command "zzzzzz" for "signalbox show"`},
		{"user zzzzzz", `unknown command "zzzzzz" for "signalbox user"`},
	} {
		root := rootCommand()
		root.SetOut(new(bytes.Buffer))
		root.SetArgs(strings.Fields(tt.args))
		got := ""
		if err := root.Execute(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.args, got, tt.want)
		}
	}
}

// TestEveryCommandTellsHelp: a flag that two levels of commands have ends the
// program when it is used.
func TestEveryCommandTellsHelp(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		var out bytes.Buffer
		root := rootCommand()
		root.SetOut(&out)
		root.SetArgs(append(strings.Fields(c.CommandPath())[1:], "--help"))
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%s --help: %v, %q", c.CommandPath(), err, &out)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run executes the program with arguments and standard input.
func runProgram(in string, args ...string) (string, error) {
	root := rootCommand()
	var out bytes.Buffer
	root.SetIn(strings.NewReader(in))
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

func TestG41_UserCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	steps := []struct {
		name, in string
		args     []string
		out, err string
	}{
		{"nobody", "", []string{"list"}, "", ""},
		{"add", "correct horse\n", []string{"add", "alice"}, "user alice is let in\n", ""},
		{"add without a newline", "correct horse", []string{"add", "bob"}, "user bob is let in\n", ""},
		{"another password", "battery staple\r\n", []string{"add", "alice"}, "user alice has a new password\n", ""},
		{"list", "", []string{"list"}, "alice\nbob\n", ""},
		{"list in JSON", "", []string{"list", "--json"}, "[\n  \"alice\",\n  \"bob\"\n]\n", ""},
		{"no password", "", []string{"add", "eve"}, "", "password of 0 octets"},
		{"a name that cannot be", "correct horse\n", []string{"add", "a:b"}, "", `user name "a:b"`},
		{"remove", "", []string{"remove", "alice", "eve"}, "user alice is let in no more\n", "user eve: no such user"},
		{"list after it", "", []string{"list"}, "bob\n", ""},
	}
	for _, tt := range steps {
		t.Run(tt.name, func(t *testing.T) {
			out, err := runProgram(tt.in, append(append([]string{"user"}, tt.args...), "--state-dir", dir)...)
			if out != tt.out {
				t.Errorf("said %q, want %q", out, tt.out)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
	out, err := runProgram("", "__complete", "user", "remove", "--state-dir", dir, "")
	if err != nil || !strings.HasPrefix(out, "bob\n") {
		t.Errorf("completes %q, %v; want bob", out, err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "access", "users")); err != nil || bytes.Contains(content, []byte("horse")) {
		t.Errorf("the file holds a password: %s, %v", content, err)
	}
}

func TestG41_LoginNeedsAPassword(t *testing.T) {
	t.Setenv(envPassword, "")
	if _, err := runProgram("", "get", "/system", "--username", "alice"); err == nil || !strings.Contains(err.Error(), envPassword) {
		t.Errorf("got %v, want what to set", err)
	}
}

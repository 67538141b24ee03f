package commands

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// text writes commands down, one a line.
func text(found []Command) string {
	var b strings.Builder
	for _, c := range found {
		if c.Kind == Rollback {
			fmt.Fprintf(&b, "rollback %d\n", c.Version)
			continue
		}
		path, err := schema.FormatProto(nil, c.Path)
		if err != nil {
			path = err.Error()
		}
		if c.Kind == Delete {
			b.WriteString("delete " + path + "\n")
		} else {
			b.WriteString("set " + path + " " + c.Value + "\n")
		}
	}
	return b.String()
}

func TestG18_Parse(t *testing.T) {
	tests := []struct {
		name, text string
		want       string
		err        string
	}{
		{"nothing", "", "", ""},
		{"blanks and comments", " \t\r\n# set /x y\n\t# z\n\n", "", ""},
		{"set and delete", "set /a/b 1\ndelete /c", "set /a/b 1\ndelete /c\n", ""},
		{"blanks around", "  set\t/a/b \t to the printer \r\n delete /c \n", "set /a/b to the printer\ndelete /c\n", ""},
		{"blanks in a key", `set /a[name=x y]/b 1`, "set /a[name=x y]/b 1\n", ""},
		{"an escaped bracket", `set /a[name=x\] y]/b 1`, `set /a[name=x\] y]/b 1` + "\n", ""},
		{"a number sign in a value", "set /a/b nr #5", "set /a/b nr #5\n", ""},
		{"JSON", `set /a {"b": [1, 2]}`, `set /a {"b": [1, 2]}` + "\n", ""},
		{"the root", "delete /", "delete /\n", ""},
		{"another word", "\n  put /a b", "", `line 2, column 3: "put": want set, delete or rollback`},
		{"rollback", " rollback  17 ", "rollback 17\n", ""},
		{"rollback to nothing", "rollback", "", "line 1, column 9: \"\": want the number"},
		{"rollback to no number", "rollback x y", "", `line 1, column 10: "x y": want the number`},
		{"no path", "set", "", "line 1, column 4: set without a path"},
		{"no value", "set /ä/b  ", "", "line 1, column 11: set without a value"},
		{"more after a delete", "delete /ä x", "", `line 1, column 11: "x" after the path of a delete`},
		{"a key that is not closed", "set /a[b=c d", "", "line 1, column 5: path"},
		{"no UTF-8", "set /a \xff", "", "line 1, column 1: the text is not UTF-8"},
		{"two errors", "x\nset /a 1\ny", "set /a 1\n", "line 3, column 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := Parse(tt.text)
			if got := text(found); got != tt.want {
				t.Errorf("commands: %s", cmp.Diff(tt.want, got))
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestG18_Values(t *testing.T) {
	tests := []struct {
		value string
		text  bool
		want  string
		ok    bool
	}{
		{"9000", false, "9000", true},
		{"9000", true, `"9000"`, true},
		{"true", false, "true", true},
		{"null", false, `"null"`, true},
		{"to the printer", false, `"to the printer"`, true},
		{`"9000"`, true, `"9000"`, true},
		{`[1,"2..3"]`, true, `[1,"2..3"]`, true},
		{`[1,`, false, "", false},
		{`"open`, true, "", false},
	}
	for _, tt := range tests {
		got, err := JSON(tt.value, tt.text)
		if string(got) != tt.want || (err == nil) != tt.ok {
			t.Errorf("JSON(%q, %v): got %s, %v, want %s", tt.value, tt.text, got, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("set /a[name=x y]/b to the printer\n# x\ndelete /c/...\n")
	f.Add("rollback 18446744073709551615\nrollback -1")
	f.Add("set /a[b=\\]] {\"x\":[1]}\r\nset\ndelete / x\xff")
	f.Fuzz(func(t *testing.T, in string) {
		found, err := Parse(in)
		if len(found) > strings.Count(in, "\n")+1 {
			t.Fatalf("%d commands on fewer lines", len(found))
		}
		for _, c := range found {
			if c.At.Line < 1 || c.At.Column < 1 || c.Kind == Set && c.Value == "" {
				t.Fatalf("command %+v", c)
			}
			if _, err := JSON(c.Value, false); err == nil && c.Kind == Delete && c.Value != "" {
				t.Fatalf("a delete with a value: %+v", c)
			}
		}
		if err != nil {
			return
		}
		again, err := Parse(text(found)) // what was understood means the same again
		if err == nil && len(again) != len(found) {
			t.Fatalf("%d commands, %d when written down:\n%s", len(found), len(again), text(found))
		}
	})
}

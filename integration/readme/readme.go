// Package readme reads the console sessions of a Markdown file, so that a test
// can run them and compare. It runs nothing itself.
//
// A session is run when the line before its fence is <!-- tested -->:
//
//	<!-- tested -->
//	```console
//	$ signalbox show vlans
//	SWITCH   VLAN  NAME  STATUS  MEMBERS
//	default    10  -     ACTIVE  port1 port2
//	…
//	```
//
// Lines that start with "$ " or "# " are commands, a backslash at the end goes
// on in the next line. The lines after a command must come in its output in
// that order; spaces count as one, and "…" stands for anything: within a line
// for any text, as a line for any lines.
package readme

import (
	"fmt"
	"regexp"
	"strings"
)

// Command is one command of a session and the output that is shown for it.
type Command struct {
	Line int // where it stands in the file, from 1
	Text string
	Want []string
}

// mark is the line before the fence of a session that is run.
const mark = "<!-- tested -->"

// Parse gives the commands of all tested sessions in order.
func Parse(markdown string) ([]Command, error) {
	var commands []Command
	lines := strings.Split(markdown, "\n")
	for i := 0; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) != mark {
			continue
		}
		i++
		if i == len(lines) || !strings.HasPrefix(lines[i], "```console") {
			return nil, fmt.Errorf("line %d: %s must stand before ```console", i, mark)
		}
		for i++; i < len(lines) && !strings.HasPrefix(lines[i], "```"); i++ {
			text, isCommand := command(lines[i])
			if !isCommand {
				if len(commands) == 0 {
					return nil, fmt.Errorf("line %d: output before any command", i+1)
				}
				last := &commands[len(commands)-1]
				last.Want = append(last.Want, lines[i])
				continue
			}
			c := Command{Line: i + 1, Text: text}
			for strings.HasSuffix(c.Text, `\`) && i+1 < len(lines) {
				i++
				c.Text += "\n" + lines[i]
			}
			commands = append(commands, c)
		}
	}
	return commands, nil
}

func command(line string) (text string, ok bool) {
	for _, prompt := range []string{"$ ", "# "} {
		if text, ok := strings.CutPrefix(line, prompt); ok {
			return text, true
		}
	}
	return "", false
}

// Compare is nil where the output shows what the session shows.
func (c Command) Compare(output string) error {
	lines := strings.Split(output, "\n")
	at := 0
	for _, want := range c.Want {
		if strings.TrimSpace(want) == "" || strings.TrimSpace(want) == "…" {
			continue
		}
		pattern := linePattern(want)
		for at < len(lines) && !pattern.MatchString(squeeze(lines[at])) {
			at++
		}
		if at == len(lines) {
			return fmt.Errorf("the output lacks, at its place, the line %q", want)
		}
		at++
	}
	return nil
}

func linePattern(want string) *regexp.Regexp {
	parts := strings.Split(squeeze(want), "…")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
}

// squeeze makes one space of several.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/spf13/cobra"
)

// setFlags are the operations of one transaction.
type setFlags struct {
	updates, replaces, deletes, files []string
	commit                            commitFlags
}

func setCommand(f *clientFlags) *cobra.Command {
	var s setFlags
	c := &cobra.Command{
		Use:   "set [PATH VALUE]",
		Short: "Change the configuration in one transaction: all of it or nothing",
		Long: `Change the configuration in one transaction: all of it or nothing.

A VALUE is JSON (RFC 7951) or bare text; @FILE takes it from a file, @- from
standard input.

A file of commands (--file, - for standard input) has lines "set PATH VALUE" and
"delete PATH", and comments behind #: what "show config --format commands"
prints. Its commands are carried out in their order, after the other operations.

With --commit ID the change is taken back unless "signalbox commit confirm ID"
comes in time.`,
		Example: `  signalbox set /interfaces/interface[name=eth1]/config/description "to the printer"
  signalbox set --update /interfaces/interface[name=eth1]/config/mtu=9000 \
                --delete /interfaces/interface[name=eth2]
  signalbox set --replace /=@config.json
  signalbox set --file changes.txt --commit night --rollback-after 5m`,
		Args:              cobra.MatchAll(cobra.MaximumNArgs(2), pathAndValue),
		ValidArgsFunction: completePathAndValue,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				s.updates = append(s.updates, args[0]+"="+args[1])
			}
			request, err := s.request(cmd.InOrStdin())
			if err != nil {
				return err
			}
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
				answer, err := c.Set(ctx, request)
				if err != nil {
					return err
				}
				return printResults(cmd, f, answer)
			})
		},
	}
	c.Flags().StringArrayVarP(&s.updates, "update", "u", nil, "merge `PATH=VALUE` in (may be repeated)")
	c.Flags().StringArrayVarP(&s.replaces, "replace", "r", nil, "put `PATH=VALUE` in the place of what is there")
	c.Flags().StringArrayVarP(&s.deletes, "delete", "d", nil, "take `PATH` away")
	c.Flags().StringArrayVarP(&s.files, "file", "f", nil, "carry out the commands in `FILE`, - for standard input")
	s.commit.register(c)
	for _, name := range []string{"update", "replace", "delete"} {
		must(c.RegisterFlagCompletionFunc(name, completePath))
	}
	return c
}

func pathAndValue(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return fmt.Errorf("%s has no value", args[0])
	}
	given := cmd.Flags().Changed
	if len(args) == 0 && !given("update") && !given("replace") && !given("delete") && !given("file") {
		return fmt.Errorf("nothing to set: give PATH VALUE, or --update, --replace, --delete, --file")
	}
	return nil
}

func (s setFlags) request(stdin io.Reader) (*gnmi.SetRequest, error) {
	request := &gnmi.SetRequest{}
	for _, d := range s.deletes {
		p, err := element.ParsePath(d)
		if err != nil {
			return nil, err
		}
		request.Delete = append(request.Delete, p)
	}
	for _, list := range []struct {
		from []string
		to   *[]*gnmi.Update
	}{{s.replaces, &request.Replace}, {s.updates, &request.Update}} {
		for _, text := range list.from {
			u, err := parseUpdate(text, stdin)
			if err != nil {
				return nil, err
			}
			*list.to = append(*list.to, u)
		}
	}
	for _, name := range s.files {
		content, err := readFile(name, stdin)
		if err != nil {
			return nil, fmt.Errorf("commands: %w", err)
		}
		request.Update = append(request.Update, commandText(string(content)))
	}
	extensions, err := s.commit.extensions()
	request.Extension = extensions
	return request, err
}

// parseUpdate reads PATH=VALUE; the = of keys between brackets are part of the
// path.
func parseUpdate(text string, stdin io.Reader) (*gnmi.Update, error) {
	path, value, ok := cutPath(text)
	if !ok {
		return nil, fmt.Errorf("%q: want PATH=VALUE", text)
	}
	parsed, err := element.ParsePath(path)
	if err != nil {
		return nil, err
	}
	if name, isFile := strings.CutPrefix(value, "@"); isFile {
		content, err := readFile(name, stdin)
		if err != nil {
			return nil, fmt.Errorf("value of %s: %w", path, err)
		}
		value = strings.TrimSpace(string(content))
	}
	v, err := element.ParseValue(value, textLeaf(parsed))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &gnmi.Update{Path: parsed, Val: v}, nil
}

func cutPath(text string) (path, value string, ok bool) {
	inKey := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '[':
			inKey = true
		case c == ']':
			inKey = false
		case c == '=' && !inKey:
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

func readFile(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// textLeaf reports a leaf whose JSON is a string even where the text looks
// like a number (RFC 7951, 6: strings, enumerations and 64-bit numbers).
func textLeaf(p *gnmi.Path) bool {
	n, ok := nodeOf(p.GetElem())
	return ok && isText(n)
}

func isText(n *ocpath.Node) bool {
	switch n.Type {
	case ocpath.String, ocpath.Enum, ocpath.Identity, ocpath.Binary, ocpath.Bits, ocpath.Int64, ocpath.Uint64, ocpath.Decimal64:
		return true
	}
	return false
}

func printResults(cmd *cobra.Command, f *clientFlags, answer *gnmi.SetResponse) error {
	type result struct {
		Op   string `json:"op"`
		Path string `json:"path"`
	}
	rows := []result{}
	for _, r := range answer.GetResponse() {
		if r.GetPath().GetOrigin() == commandOrigin {
			rows = append(rows, result{"update", commandOrigin})
			continue
		}
		rows = append(rows, result{strings.ToLower(r.GetOp().String()), element.FormatPath(answer.GetPrefix(), r.GetPath())})
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), rows)
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%sd %s\n", r.Op, r.Path); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// The forms in which the configuration is shown.
const (
	formatJSON     = "json"
	formatCommands = "commands"
)

func showConfigCommand(f *clientFlags) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "config [PATH]",
		Short: "The configuration, or the part of it below a path, as JSON (RFC 7951) or as commands",
		Long: `The configuration, or the part of it below a path.

As JSON (RFC 7951) it has the defaults that are in use too; "set --replace
PATH=@FILE" takes it. As commands it has what was set and is no default;
"set --file FILE" takes it.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			path := &gnmi.Path{}
			if len(args) == 1 {
				parsed, err := element.ParsePath(args[0])
				if err != nil {
					return err
				}
				path = parsed
			}
			show := showConfigJSON
			switch format {
			case formatJSON:
			case formatCommands:
				show = showConfigCommands
			default:
				return fmt.Errorf("--format %q: want %s or %s", format, formatJSON, formatCommands)
			}
			return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error { return show(ctx, cmd, c, path) })
		},
	}
	c.Flags().StringVar(&format, "format", formatJSON, "`FORM` to print: json or commands")
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{formatJSON, formatCommands}, cobra.ShellCompDirectiveNoFileComp)))
	return c
}

func showConfigJSON(ctx context.Context, cmd *cobra.Command, c *element.Client, path *gnmi.Path) error {
	answer, err := c.Get(ctx, gnmi.GetRequest_CONFIG, gnmi.Encoding_JSON_IETF, path)
	if err != nil {
		return err
	}
	for _, n := range answer.GetNotification() {
		for _, u := range n.GetUpdate() {
			if err := printJSON(cmd.OutOrStdout(), json.RawMessage(u.GetVal().GetJsonIetfVal())); err != nil {
				return err
			}
		}
	}
	return nil
}

func showConfigCommands(ctx context.Context, cmd *cobra.Command, c *element.Client, path *gnmi.Path) error {
	answer, err := c.Get(ctx, gnmi.GetRequest_CONFIG, gnmi.Encoding_PROTO, path)
	var refused *element.RefusedError
	if errors.As(err, &refused) && refused.Code == codes.NotFound {
		return nil // nothing is configured there
	}
	if err != nil {
		return err
	}
	for _, n := range answer.GetNotification() {
		for _, u := range n.GetUpdate() {
			line, ok, err := commandLine(n.GetPrefix(), u)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
				return err
			}
		}
	}
	return nil
}

// commandLine gives a leaf as the command that sets it; ok is false for a
// leaf that says nothing: a default, or a key of a list beside its own leaf.
func commandLine(prefix *gnmi.Path, u *gnmi.Update) (line string, ok bool, err error) {
	leaf, found := nodeOf(slices.Concat(prefix.GetElem(), u.GetPath().GetElem()))
	if found && ocpath.Get(leaf.Parent).Kind == ocpath.List {
		return "", false, nil
	}
	if found && leaf.HasDefault && element.FormatValue(u.GetVal()) == leaf.Default {
		return "", false, nil
	}
	value, err := commandValue(u.GetVal(), found && isText(leaf))
	path := element.FormatPath(prefix, u.GetPath())
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", path, err)
	}
	return "set " + path + " " + value, true, nil
}

// commandValue writes a value so that it is read as the same: bare where it
// can be, else as JSON.
func commandValue(v *gnmi.TypedValue, text bool) (string, error) {
	if list := v.GetLeaflistVal(); list != nil {
		elements := make([]any, len(list.GetElement()))
		for i, e := range list.GetElement() {
			elements[i] = element.JSONValue(e)
			if text {
				elements[i] = element.FormatValue(e)
			}
		}
		out, err := json.Marshal(elements)
		return string(out), err
	}
	bare := element.FormatValue(v)
	_, isString := v.GetValue().(*gnmi.TypedValue_StringVal)
	switch {
	case bare == "", strings.TrimSpace(bare) != bare, strings.ContainsRune(`{["`, rune(bare[0])),
		strings.ContainsFunc(bare, unicode.IsControl),
		isString && !text && json.Valid([]byte(bare)):
		quoted, err := json.Marshal(bare)
		return string(quoted), err
	}
	return bare, nil
}

// nodeOf finds the node that elements name; found is false for one that this
// program does not know.
func nodeOf(elems []*gnmi.PathElem) (n *ocpath.Node, found bool) {
	id := ocpath.Root
	for _, elem := range elems {
		child, ok := ocpath.Child(id, elem.GetName())
		if !ok {
			return nil, false
		}
		id = child
	}
	return ocpath.Get(id), true
}

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/spf13/cobra"

	"github.com/signalbox/signalbox/cmd/signalbox/internal/element"
	"github.com/signalbox/signalbox/cmd/signalbox/internal/packets"
)

// explainFlags are a question.
type explainFlags struct {
	packets.Fields
	frame         string
	sets, deletes []string
	file          string
}

func explainCommand(f *clientFlags) *cobra.Command {
	e := &explainFlags{}
	c := &cobra.Command{
		Use:   "explain INTERFACE",
		Short: "Draw what the switch would do with a frame, now or with a changed configuration",
		Long: `Draw what the switch would do with a frame that comes in at an interface: each
stage with what it finds, the ports that the frame leaves by, and of a drop the
line of configuration that it follows from. Nothing is sent, counted or learned.

The frame is given in hexadecimal, or made of its fields. With --set, --delete or
--config the question is what would happen if the configuration were changed so.`,
		Example: `  signalbox explain port1 --dst 02:00:00:00:00:02 --vlan 10
  signalbox explain port1 --ip-src 10.0.0.1 --ip-dst 10.0.0.2 --tcp 443
  signalbox explain port1 --frame ffffffffffff0200000000010806
  signalbox explain port3 --set /interfaces/interface[name=port3]/ethernet/switched-vlan/config/access-vlan=10`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return f.interfaceNames(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, f, args[0]) },
	}
	e.register(c)
	return c
}

func (e *explainFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&e.frame, "frame", "", "the frame in `HEX`, from its destination address on, without FCS")
	flags.StringVar(&e.Source, "src", "", "source `MAC` address (default 02:00:00:00:00:fe)")
	flags.StringVar(&e.Destination, "dst", "", "destination `MAC` address (default broadcast)")
	flags.Uint16Var(&e.VLAN, "vlan", 0, "a tag with this VLAN `ID`")
	flags.Uint8Var(&e.Priority, "priority", 0, "the tag's priority, `0..7`")
	flags.Uint16Var(&e.Type, "type", 0, "EtherType `N` of a frame without IP (default 0x88b5)")
	flags.StringVar(&e.IPSource, "ip-src", "", "source `ADDRESS` of IP")
	flags.StringVar(&e.IPDest, "ip-dst", "", "destination `ADDRESS` of IP")
	flags.StringVar(&e.TCP, "tcp", "", "TCP to this `[SOURCE:]PORT`")
	flags.StringVar(&e.UDP, "udp", "", "UDP to this `[SOURCE:]PORT`")
	flags.BoolVar(&e.ICMP, "icmp", false, "an echo request")
	flags.IntVar(&e.Length, "length", 0, "length of the frame in octets (default at least 60)")
	flags.StringArrayVar(&e.sets, "set", nil, "as if `PATH=VALUE` were set (may be repeated)")
	flags.StringArrayVar(&e.deletes, "delete", nil, "as if `PATH` were deleted (may be repeated)")
	flags.StringVar(&e.file, "config", "", "as if the commands in `FILE` were carried out, - for standard input")
	for _, name := range []string{"set", "delete"} {
		must(c.RegisterFlagCompletionFunc(name, completePath))
	}
	for _, name := range []string{"src", "dst", "vlan", "tcp", "udp", "icmp", "ip-src", "ip-dst", "type", "length", "priority"} {
		c.MarkFlagsMutuallyExclusive("frame", name)
	}
}

func (e *explainFlags) run(cmd *cobra.Command, f *clientFlags, iface string) error {
	octets, err := e.octets()
	if err != nil {
		return err
	}
	against, err := e.against(cmd)
	if err != nil {
		return err
	}
	path := &gnmi.Path{Elem: []*gnmi.PathElem{{Name: "packet-tests"}, {Name: "packet-test", Key: map[string]string{
		"interface": iface, "frame": hex.EncodeToString(octets), "against": against,
	}}}}
	return f.call(cmd.Context(), func(ctx context.Context, c *element.Client) error {
		tree, err := c.Collect(ctx, element.FormatPath(path))
		if err != nil {
			return err
		}
		tests := tree.List("packet-tests/packet-test")
		if len(tests) == 0 {
			return errors.New("the element gave no answer")
		}
		a := answer(tests[0])
		if f.json {
			return printJSON(cmd.OutOrStdout(), a)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), packets.Picture(a, octets, stylesFor(cmd.OutOrStdout())))
		return err
	})
}

func (e *explainFlags) octets() ([]byte, error) {
	if e.frame != "" {
		return packets.ParseHex(e.frame)
	}
	return e.Build()
}

// against is the configuration that is meant: RUNNING, or commands.
func (e *explainFlags) against(cmd *cobra.Command) (string, error) {
	var lines []string
	for _, text := range e.deletes {
		lines = append(lines, "delete "+text)
	}
	for _, text := range e.sets {
		path, value, ok := cutPath(text)
		if !ok {
			return "", fmt.Errorf("--set %q: want PATH=VALUE", text)
		}
		lines = append(lines, "set "+path+" "+value)
	}
	if e.file != "" {
		content, err := readFile(e.file, cmd.InOrStdin())
		if err != nil {
			return "", fmt.Errorf("commands: %w", err)
		}
		lines = append(lines, string(content))
	}
	if len(lines) == 0 {
		return "RUNNING", nil
	}
	return strings.Join(lines, "\n"), nil
}

// answer reads a packet test.
func answer(t *element.Tree) *packets.Answer {
	a := &packets.Answer{
		Interface: visible(t.Key("interface")), Frame: t.Key("frame"), Against: t.Key("against"),
		Verdict: t.Text("state/verdict"), Reason: t.Text("state/drop-reason"), VLAN: uint16(t.Uint("state/vlan-id")),
		ConfigPath: visible(t.Text("state/config-path")), Detail: visible(t.Text("state/detail")),
		Steps: []packets.Step{}, Outputs: []packets.Output{},
	}
	for _, s := range t.List("steps/step") {
		a.Steps = append(a.Steps, packets.Step{
			Stage: s.Text("state/stage"), Verdict: s.Text("state/verdict"), Reason: s.Text("state/drop-reason"),
			Interface: visible(s.Text("state/interface")), VLAN: uint16(s.Uint("state/vlan-id")), Tagged: s.True("state/tagged"),
			Detail: visible(s.Text("state/detail")), ConfigPath: visible(s.Text("state/config-path")),
		})
	}
	for _, o := range t.List("outputs/output") {
		a.Outputs = append(a.Outputs, packets.Output{
			Interface: visible(o.Text("state/interface")), Member: visible(o.Text("state/member")),
			VLAN: uint16(o.Uint("state/vlan-id")), Tagged: o.True("state/tagged"), Reason: o.Text("state/drop-reason"),
		})
	}
	return a
}

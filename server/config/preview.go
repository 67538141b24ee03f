package config

import (
	"context"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config/commands"
	"github.com/signalbox/signalbox/server/openconfig"
)

// Preview gives what the configuration would be after commands (those of the
// origin signalbox_cli), and what the device would have to change for it. They
// are checked as those of a Set are, and nothing of them is done.
func (s *Store) Preview(ctx context.Context, text string) (*openconfig.Config, spec.Change, error) {
	all, err := operations(s.schema, &gpb.SetRequest{Update: []*gpb.Update{{
		Path: &gpb.Path{Origin: commands.Origin},
		Val:  &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: text}},
	}}})
	if err != nil {
		return nil, spec.Change{}, err
	}
	if err := s.take(ctx); err != nil {
		return nil, spec.Change{}, err
	}
	defer func() { s.turn <- struct{}{} }()
	editor, err := s.candidate(all)
	if err != nil {
		return nil, spec.Change{}, err
	}
	diff := editor.Difference()
	next, change, err := s.config.Next(editor.Tree(), touchedBy(&diff))
	if err != nil {
		return nil, spec.Change{}, err
	}
	if !change.Empty() {
		if err := s.options.Device.Check(ctx, change); err != nil {
			return nil, spec.Change{}, openconfig.FromDevice(err)
		}
	}
	return next, change, nil
}

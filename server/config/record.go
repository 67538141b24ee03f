package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// record is the text of one transaction in the journal: paths in gNMI's text
// form, values by RFC 7951. The deletes come before the updates.
//
//	{"time":"2026-11-22T08:27:00Z","delete":["/interfaces/interface[name=p1]"],
//	 "update":[["/interfaces/interface[name=p2]/config/mtu",9000]]}
type record struct {
	Time   time.Time            `json:"time"`
	Delete []string             `json:"delete,omitempty"`
	Update [][2]json.RawMessage `json:"update,omitempty"`
}

// encodeRecord gives the text of what a transaction changed.
func encodeRecord(at time.Time, d *tree.Difference) ([]byte, error) {
	r := record{Time: at.UTC()}
	for _, path := range d.Deletes {
		r.Delete = append(r.Delete, path.String())
	}
	for _, leaf := range d.Updates {
		r.Update = append(r.Update, [2]json.RawMessage{
			schema.AppendJSONString(nil, leaf.Path.String()),
			leaf.Value.AppendJSON(nil, ocpath.Get(leaf.Path.Node), schema.JSONIETF),
		})
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(&r); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// replay makes the changes of one record.
func replay(e *tree.Editor, text []byte) error {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	for _, p := range r.Delete {
		path, err := parsePath(p)
		if err != nil {
			return err
		}
		if err := e.Delete(path); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	for _, u := range r.Update {
		if err := replayUpdate(e, u); err != nil {
			return err
		}
	}
	return nil
}

func replayUpdate(e *tree.Editor, u [2]json.RawMessage) error {
	var text string
	if err := json.Unmarshal(u[0], &text); err != nil {
		return err
	}
	path, err := parsePath(text)
	if err != nil {
		return err
	}
	if n := ocpath.Get(path.Node); !n.IsLeaf() || !n.Config {
		return fmt.Errorf("%s: no leaf that can be configured", text)
	}
	v, err := schema.FromJSON(path.Node, u[1])
	if err == nil {
		err = e.Set(path, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

func parsePath(text string) (schema.Path, error) {
	p, err := schema.ParsePath(text)
	if err != nil {
		return schema.Path{}, err
	}
	return schema.Exact(nil, p)
}

// lastChanged is the time of the last record, or the one given where there is
// none.
func lastChanged(records [][]byte, otherwise time.Time) time.Time {
	var r record
	if len(records) == 0 || json.Unmarshal(records[len(records)-1], &r) != nil {
		return otherwise
	}
	return r.Time
}

// load builds the tree of a document and the records made after it.
func load(s *tree.Schema, document []byte, records [][]byte) (*oc.Device, error) {
	e := s.Edit(nil)
	p, err := flatten(schema.Path{Node: ocpath.Root}, document)
	if err != nil {
		return nil, err
	}
	for _, entry := range p.entries {
		if err := e.Create(entry); err != nil {
			return nil, fmt.Errorf("%s: %w", entry, err)
		}
	}
	for _, leaf := range p.leaves {
		if err := e.Set(leaf.Path, leaf.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", leaf.Path, err)
		}
	}
	for i, text := range records {
		if err := replay(e, text); err != nil {
			return nil, fmt.Errorf("change %d of %d: %w", i+1, len(records), err)
		}
	}
	return e.Tree(), nil
}

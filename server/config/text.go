package config

import (
	"strconv"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// The texts of the state files are appended, not marshalled: a transaction may
// have ten thousand leaves, and encoding/json reads what it is given once more.
// The structs that read them say what they hold: record, unconfirmedRecord,
// note and pastRecord.

// recordText is the text of a transaction for the journal, on one line.
func recordText(at time.Time, by string, d *tree.Difference, pending *unconfirmed) []byte {
	dst := make([]byte, 0, 128+textSize(d))
	dst = append(dst, `{"time":`...)
	dst = appendTime(dst, at)
	if by != "" {
		dst = append(dst, `,"by":`...)
		dst = schema.AppendJSONString(dst, by)
	}
	dst = appendChanges(dst, d)
	if pending != nil {
		dst = append(dst, `,"unconfirmed":`...)
		dst = pending.appendText(dst)
	}
	return append(dst, '}')
}

// appendText appends an unconfirmed commit as an object.
func (u *unconfirmed) appendText(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = schema.AppendJSONString(dst, u.id)
	dst = append(dst, `,"deadline":`...)
	dst = appendTime(dst, u.deadline)
	dst = append(dst, `,"nanoseconds":`...)
	dst = strconv.AppendInt(dst, int64(u.length), 10)
	dst = append(dst, `,"back":`...)
	return append(appendDifference(dst, &u.back), '}')
}

// appendText appends a commit that was made as an object.
func (p *past) appendText(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, p.id, 10)
	dst = append(dst, `,"time":`...)
	dst = appendTime(dst, p.at)
	if p.by != "" {
		dst = append(dst, `,"by":`...)
		dst = schema.AppendJSONString(dst, p.by)
	}
	dst = append(dst, `,"back":`...)
	return append(appendDifference(dst, &p.back), '}')
}

func appendTime(dst []byte, at time.Time) []byte {
	return append(at.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}

// appendDifference appends a difference as an object.
func appendDifference(dst []byte, d *tree.Difference) []byte {
	start := len(dst)
	dst = append(appendChanges(dst, d), '}')
	if dst[start] == ',' {
		dst[start] = '{'
		return dst
	}
	return append(dst[:start], "{}"...)
}

// appendChanges appends the members "delete" and "update" of an object, each
// behind a comma, where there is something in them.
func appendChanges(dst []byte, d *tree.Difference) []byte {
	for i, path := range d.Deletes {
		dst = append(dst, opening(i, `,"delete":[`)...)
		dst = schema.AppendJSONString(dst, path.String())
	}
	if len(d.Deletes) > 0 {
		dst = append(dst, ']')
	}
	for i, leaf := range d.Updates {
		dst = append(append(dst, opening(i, `,"update":[`)...), '[')
		dst = schema.AppendJSONString(dst, leaf.Path.String())
		dst = append(dst, ',')
		dst = leaf.Value.AppendJSON(dst, ocpath.Get(leaf.Path.Node), schema.JSONIETF)
		dst = append(dst, ']')
	}
	if len(d.Updates) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// opening is what stands before an element of a list: the list's beginning
// before the first.
func opening(i int, beginning string) string {
	if i == 0 {
		return beginning
	}
	return ","
}

// textSize is about how long a difference's text is, in octets.
func textSize(d *tree.Difference) int { return changeSize * (len(d.Deletes) + len(d.Updates)) }

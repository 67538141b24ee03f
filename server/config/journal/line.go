package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"
)

// format is the version of the lines; a reader refuses another.
const format = 1

// header is the text of a journal's first line.
type header struct {
	Format   int    `json:"format"`
	Document string `json:"document"` // digest of the document it continues
	// Changed is the time of the last change that the document holds.
	Changed time.Time `json:"changed,omitzero"`
	// Note is the writer's (Document.Note).
	Note json.RawMessage `json:"note,omitempty"`
}

// digest names a document.
func digest(document []byte) string {
	sum := sha256.Sum256(document)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// appendLine appends one framed line (see the package comment).
func appendLine(dst []byte, seq uint64, text []byte) []byte {
	body := make([]byte, 0, len(text)+21)
	body = strconv.AppendUint(body, seq, 10)
	body = append(body, ' ')
	body = append(body, text...)
	dst = fmt.Appendf(dst, "%08x ", checksum(body))
	dst = append(dst, body...)
	return append(dst, '\n')
}

// parseLine takes one line apart, given without its line break.
func parseLine(line []byte) (seq uint64, text []byte, err error) {
	sum, body, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(sum) != 8 {
		return 0, nil, errors.New("no checksum")
	}
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil {
		return 0, nil, errors.New("no checksum")
	}
	if got := checksum(body); got != uint32(want) {
		return 0, nil, fmt.Errorf("checksum is %08x, want %08x", got, want)
	}
	number, text, ok := bytes.Cut(body, []byte(" "))
	if !ok {
		return 0, nil, errors.New("no sequence number")
	}
	seq, err = strconv.ParseUint(string(number), 10, 64)
	if err != nil {
		return 0, nil, errors.New("no sequence number")
	}
	return seq, text, nil
}

// checksum is CRC-32C; the table is the one the hardware instruction serves.
func checksum(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}

// content is what could be read of one journal file.
type content struct {
	missing  bool
	document string // digest of the document it continues; "" where the header is bad
	changed  time.Time
	note     []byte
	first    uint64 // number of the last change before the first of changes
	changes  [][]byte
	damage   error // why reading stopped before the end; nil at a clean end
}

// last is the number of the last change that was read.
func (c *content) last() uint64 { return c.first + uint64(len(c.changes)) }

// parse reads a journal up to the first line that is not as it was written.
func parse(data []byte) content {
	var c content
	for number := 1; len(data) > 0; number++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			c.damage = fmt.Errorf("line %d is torn after %d octets", number, len(line))
			return c
		}
		if err := c.take(number, line); err != nil {
			c.damage = fmt.Errorf("line %d: %w (%d octets follow)", number, err, len(rest))
			return c
		}
		data = rest
	}
	if c.document == "" {
		c.damage = errors.New("empty")
	}
	return c
}

// take adds one line to the content.
func (c *content) take(number int, line []byte) error {
	seq, text, err := parseLine(line)
	if err != nil {
		return err
	}
	if number == 1 {
		var h header
		if err := json.Unmarshal(text, &h); err != nil {
			return fmt.Errorf("header: %w", err)
		}
		if h.Format != format {
			return fmt.Errorf("header: format %d, want %d: written by another version", h.Format, format)
		}
		c.document, c.changed, c.note, c.first = h.Document, h.Changed, h.Note, seq
		return nil
	}
	if seq != c.last()+1 {
		return fmt.Errorf("sequence number %d, want %d", seq, c.last()+1)
	}
	c.changes = append(c.changes, text)
	return nil
}

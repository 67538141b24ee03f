package property

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// errBetween says that the files are just being written anew: look again.
var errBetween = errors.New("no document is the one that the journal continues")

// files is the configuration in a state folder, read as its formats are
// described: a document, and the journal that names it by its digest and
// continues it. Each line of the journal is its checksum, its number and its
// text.
type files struct {
	models *node
	folder string
	// What was read already: the octets of the journal, the number of its last
	// line, and what they add up to.
	journal []byte
	number  uint64
	tree    tree
}

// read gives what the files hold. What was read before is not read again, as
// long as it is still there.
func (f *files) read() (tree, error) {
	journal, err := os.ReadFile(filepath.Join(f.folder, "journal"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errBetween // the next one is about to take its name
	}
	if err != nil {
		return nil, err
	}
	if len(journal) == 0 || journal[len(journal)-1] != '\n' {
		return nil, errors.New("the last line of the journal does not end")
	}
	more, known := bytes.CutPrefix(journal, f.journal)
	if !known || f.journal == nil {
		header, rest, _ := bytes.Cut(journal, []byte("\n"))
		if err := f.begin(header); err != nil {
			return nil, err
		}
		more = rest
	}
	for line := range bytes.Lines(more) {
		text, err := f.text(bytes.TrimSuffix(line, []byte("\n")), f.number+1)
		if err == nil {
			err = f.tree.replay(f.models, text)
		}
		if err != nil {
			f.journal = nil
			return nil, fmt.Errorf("line %d of the journal: %w", f.number+1, err)
		}
	}
	f.journal = journal
	return f.tree, nil
}

// begin reads the document that the header of a journal names.
func (f *files) begin(line []byte) error {
	f.journal = nil
	text, err := f.text(line, 0)
	if err != nil {
		return fmt.Errorf("header of the journal: %w", err)
	}
	var header struct {
		Format   int    `json:"format"`
		Document string `json:"document"`
	}
	if err := json.Unmarshal(text, &header); err != nil || header.Format != 1 {
		return errors.Join(err, fmt.Errorf("journal of format %d", header.Format))
	}
	document, err := documentOf(f.folder, header.Document)
	if err != nil {
		return err
	}
	doc, err := decode(document)
	if err != nil {
		return err
	}
	all := tree{}
	if err := flatten(f.models, nil, doc, all); err != nil {
		return err
	}
	f.tree = all.withoutKeys()
	return nil
}

// text is that of a line, whose checksum must be right, and its number the one
// that is wanted; 0 is any.
func (f *files) text(line []byte, want uint64) ([]byte, error) {
	sum, rest, _ := bytes.Cut(line, []byte(" "))
	number, text, _ := bytes.Cut(rest, []byte(" "))
	if got := fmt.Sprintf("%08x", crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli))); got != string(sum) {
		return nil, fmt.Errorf("its checksum is %s, not %s", got, sum)
	}
	n, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil || want != 0 && n != want {
		return nil, fmt.Errorf("number %s, want %d", number, want)
	}
	f.number = n
	return text, nil
}

// documentOf is the document that has a digest.
func documentOf(folder, digest string) ([]byte, error) {
	document, err := os.ReadFile(filepath.Join(folder, "config.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	sum := sha256.Sum256(document)
	if "sha256:"+hex.EncodeToString(sum[:]) != digest {
		return nil, errBetween
	}
	return document, nil
}

func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc any
	err := d.Decode(&doc)
	return doc, err
}

// withoutKeys is what flatten gives, without the key leaves of lists.
func (t tree) withoutKeys() tree {
	out := tree{}
	for leaf, value := range t {
		if p := parse(leaf); mirrored(p) == nil || mirror(p) {
			out[leaf] = value
		}
	}
	return out
}

// replay makes the changes of one line of the journal.
func (t tree) replay(models *node, text []byte) error {
	var record struct {
		Delete []string             `json:"delete"`
		Update [][2]json.RawMessage `json:"update"`
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return err
	}
	for _, gone := range record.Delete {
		p, err := tryParse(gone)
		if err != nil {
			return fmt.Errorf("%s: %w", gone, err)
		}
		t.delete(p)
	}
	for _, u := range record.Update {
		var where string
		if err := json.Unmarshal(u[0], &where); err != nil {
			return err
		}
		p, err := tryParse(where)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		doc, err := decode(u[1])
		if err == nil {
			err = flatten(models, p, doc, t)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}

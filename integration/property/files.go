package property

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
)

// errBetween says that the files are just being written anew: look again.
var errBetween = errors.New("no document is the one that the journal continues")

// saved is the configuration in a state folder, read as its formats are
// described: a document, and the journal that names it by its digest and
// continues it. Each line of the journal is its checksum, its number and its
// text.
func saved(models *node, folder string) (tree, error) {
	journal, err := os.ReadFile(filepath.Join(folder, "journal"))
	if err != nil {
		return nil, err
	}
	texts, err := journalTexts(journal)
	if err != nil {
		return nil, err
	}
	var header struct {
		Format   int    `json:"format"`
		Document string `json:"document"`
	}
	if err := json.Unmarshal(texts[0], &header); err != nil || header.Format != 1 {
		return nil, errors.Join(err, fmt.Errorf("journal of format %d", header.Format))
	}
	document, err := documentOf(folder, header.Document)
	if err != nil {
		return nil, err
	}
	doc, err := decode(document)
	if err != nil {
		return nil, err
	}
	all := tree{}
	if err := flatten(models, nil, doc, all); err != nil {
		return nil, err
	}
	all = all.withoutKeys()
	for i, text := range texts[1:] {
		if err := all.replay(models, text); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
	}
	return all, nil
}

// journalTexts are the texts of the lines, whose checksums and numbers must be
// right.
func journalTexts(journal []byte) ([][]byte, error) {
	if !bytes.HasSuffix(journal, []byte("\n")) {
		return nil, errors.New("the last line does not end")
	}
	var texts [][]byte
	var last uint64
	for i, line := range bytes.Split(bytes.TrimSuffix(journal, []byte("\n")), []byte("\n")) {
		sum, rest, _ := bytes.Cut(line, []byte(" "))
		number, text, _ := bytes.Cut(rest, []byte(" "))
		if got := fmt.Sprintf("%08x", crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli))); got != string(sum) {
			return nil, fmt.Errorf("line %d: its checksum is %s, not %s", i+1, got, sum)
		}
		n, err := strconv.ParseUint(string(number), 10, 64)
		if err != nil || i > 0 && n != last+1 {
			return nil, fmt.Errorf("line %d: number %s after %d", i+1, number, last)
		}
		last = n
		texts = append(texts, text)
	}
	return texts, nil
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

package journal

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// The files of a folder. Those that end in .tmp are being written, or were
// when a crash came.
const (
	documentName    = "config.json"
	documentOldName = "config.json.1"
	documentNewName = "config.json.tmp"
	journalName     = "journal"
	journalOldName  = "journal.1"
	journalNewName  = "journal.tmp"
)

// Found is what a folder holds at a start.
type Found struct {
	// Versions are the states that can be put together from it, the newest
	// first. Their order says nothing of what their text means: a version that
	// the reader cannot take is skipped for the next.
	Versions []Version
	// Damage names what is not as it was written. It is empty after a crash at
	// any moment that lost nothing that had been answered, except for a change
	// that was being written (a torn line).
	Damage []error

	fs        FS
	documents map[string][]byte   // by file name
	journals  map[string]*content // by file name
	last      uint64              // the highest number seen anywhere
}

// Version is a document and the changes to be made to it, oldest first.
type Version struct {
	// Name says which files it is made of, for messages.
	Name     string
	Document []byte
	Changes  [][]byte
	// Changed is when the last change was made that Document holds; zero where
	// that is not known.
	Changed time.Time
	// Note is what was noted with Document; nil for nothing.
	Note []byte
	// First is the number of the last change that Document holds, 0 where that
	// is not known; those of Changes follow it.
	First uint64

	document, journal string // file names; journal is "" where there is none
	last              uint64 // number of the last change
	known             bool   // last is known
}

// Empty reports a folder that was never used, or whose first use was cut off
// before it was complete.
func (f *Found) Empty() bool {
	if len(f.Versions) > 0 || len(f.Damage) > 0 {
		return false
	}
	return f.documents[documentName] == nil && f.documents[documentOldName] == nil &&
		f.journals[journalName].missing && f.journals[journalOldName].missing
}

// Read looks at the folder and changes nothing in it.
func Read(fs FS) (*Found, error) {
	f := &Found{fs: fs, documents: map[string][]byte{}, journals: map[string]*content{}}
	for _, name := range []string{documentName, documentNewName, documentOldName} {
		data, err := read(fs, name)
		if err == nil {
			f.documents[name] = data
		} else if !errors.Is(err, os.ErrNotExist) {
			f.Damage = append(f.Damage, fmt.Errorf("%s: %w", name, err))
		}
	}
	for _, name := range []string{journalName, journalNewName, journalOldName} {
		f.readJournal(name)
	}
	f.assemble()
	return f, nil
}

// readJournal takes one journal file into f.
func (f *Found) readJournal(name string) {
	data, err := read(f.fs, name)
	if errors.Is(err, os.ErrNotExist) {
		f.journals[name] = &content{missing: true}
		return
	}
	c := parse(data)
	if err != nil {
		c.damage = err
	}
	f.journals[name] = &c
	f.last = max(f.last, c.last())
	if c.damage != nil && name == journalName {
		f.Damage = append(f.Damage, fmt.Errorf("%s: %w", name, c.damage))
	}
}

// assemble finds the versions.
func (f *Found) assemble() {
	referenced := map[string]bool{}
	for _, name := range []string{journalName, journalNewName, journalOldName} {
		c := f.journals[name]
		document := f.find(c.document)
		if document == "" {
			f.noDocument(name, c)
			continue
		}
		referenced[document] = true
		f.add(Version{
			Name: document + " and " + name, document: document, journal: name,
			Document: f.documents[document], Changes: c.changes, Changed: c.changed, Note: c.note, First: c.first, last: c.last(), known: true,
		})
		f.chain(name, document)
	}
	slices.SortStableFunc(f.Versions, func(a, b Version) int {
		return -cmp.Compare(a.last, b.last)
	})
	f.addAlone(referenced)
}

// find gives the name of the document with a digest, "" for none.
func (f *Found) find(sum string) string {
	if sum == "" {
		return ""
	}
	for _, name := range []string{documentName, documentNewName, documentOldName} {
		if data, ok := f.documents[name]; ok && digest(data) == sum {
			return name
		}
	}
	return ""
}

// noDocument notes a journal whose document is not there.
func (f *Found) noDocument(name string, c *content) {
	if c.missing || c.document == "" || name != journalName {
		return
	}
	if _, ok := f.documents[documentName]; ok {
		f.Damage = append(f.Damage, fmt.Errorf("%s is not what was written: damaged, or edited while the element was stopped", documentName))
	} else {
		f.Damage = append(f.Damage, fmt.Errorf("%s is missing", documentName))
	}
}

// chain adds the version of a whole journal followed by the one that begins
// where it ends, where that one's own document is lost.
func (f *Found) chain(name, document string) {
	c, next := f.journals[name], f.journals[journalName]
	if name != journalOldName || c.damage != nil || next.document == "" ||
		next.first != c.last() || f.find(next.document) != "" {
		return
	}
	f.add(Version{
		Name:     document + ", " + name + " and " + journalName,
		document: document, journal: name, Document: f.documents[document],
		Changes: slices.Concat(c.changes, next.changes), Changed: c.changed, Note: c.note, First: c.first,
		last: next.last(), known: true,
	})
}

// addAlone adds the documents that no journal continues. Where the journal is
// missing such a document is what somebody put there to start from, and comes
// first; else it is the last resort.
func (f *Found) addAlone(referenced map[string]bool) {
	alone := func(name string) (Version, bool) {
		data, ok := f.documents[name]
		return Version{Name: name + " alone", document: name, Document: data}, ok && !referenced[name]
	}
	if v, ok := alone(documentName); ok {
		if f.journals[journalName].missing && f.journals[journalNewName].missing {
			f.Versions = slices.Insert(f.Versions, 0, v)
			if !f.journals[journalOldName].missing {
				f.Damage = append(f.Damage, fmt.Errorf("%s is missing: what was changed after %s was written is lost", journalName, documentName))
			}
		} else {
			f.add(v)
		}
	}
	if v, ok := alone(documentOldName); ok {
		f.add(v)
	}
}

func (f *Found) add(v Version) { f.Versions = append(f.Versions, v) }

// Continue begins to write after the version that the reader took, nil for
// none. Where the files are as they were left, it appends to them; else it
// writes a new generation with what document returns, and keeps what was
// there under other names.
func (f *Found) Continue(v *Version, document func() (Document, error)) (*Journal, error) {
	if err := f.settle(v); err != nil {
		return nil, err
	}
	j := &Journal{fs: f.fs, seq: f.last}
	if v != nil && v.known && v.last == f.last && f.inPlace(v) {
		return j, j.reopen(f, v)
	}
	whole, err := document()
	if err != nil {
		return nil, err
	}
	aside := ""
	if len(f.Damage) > 0 || v == nil || v.document != f.Versions[0].document || v.journal != f.Versions[0].journal {
		aside = ".kept-" + time.Now().UTC().Format("20060102T150405.000000000Z")
	}
	if v == nil || !v.known || aside != "" {
		j.seq++ // no older journal may seem to lead here
	}
	return j, j.begin(whole, aside)
}

// settle ends a rename that a crash cut off, so that nothing that the version
// needs lies in a file that is about to be written anew.
func (f *Found) settle(v *Version) error {
	if v == nil {
		return nil
	}
	if v.document == documentNewName && f.documents[documentName] == nil {
		if err := f.rename(documentNewName, documentName); err != nil {
			return err
		}
		v.document = documentName
	}
	if v.journal == journalNewName && f.journals[journalName].missing {
		if err := f.rename(journalNewName, journalName); err != nil {
			return err
		}
		v.journal = journalName
	}
	return nil
}

func (f *Found) rename(from, to string) error {
	if err := f.fs.Rename(from, to); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return f.fs.Sync()
}

// inPlace reports that the journal can be appended to.
func (f *Found) inPlace(v *Version) bool {
	return len(f.Damage) == 0 && v.document == documentName && v.journal == journalName
}

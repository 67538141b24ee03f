package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Journal appends changes. It is not safe for concurrent use.
type Journal struct {
	fs   FS
	file File   // the journal, open at its end; nil after a failure of Rotate
	seq  uint64 // of the last change
	base uint64 // of the last change that the document holds
	size int64  // of the journal, in octets
	// documentSize is that of the document, in octets.
	documentSize int64
	// broken says why nothing can be appended until Rotate succeeds.
	broken error
}

// minRotate is the least size of a journal, in octets, that is worth a new
// generation.
const minRotate = 256 << 10

// Seq is the number of the last change.
func (j *Journal) Seq() uint64 { return j.seq }

// Dirty reports changes since the document was written.
func (j *Journal) Dirty() bool { return j.broken != nil || j.seq != j.base }

// Due reports that the next thing to do is Rotate: nothing can be appended, or
// the journal has grown to several times the document, so that the cost of
// writing the whole stays a fraction of what was appended.
func (j *Journal) Due() bool {
	return j.broken != nil || j.size > max(minRotate, 4*j.documentSize)
}

// Usable reports that Append may succeed without a Rotate before it.
func (j *Journal) Usable() bool { return j.broken == nil }

// Append makes one change durable. The text has no line break. After an error
// the change is not in the journal; where even that could not be made sure
// of, Due reports true and further changes are refused until Rotate succeeds.
func (j *Journal) Append(change []byte) error {
	if j.broken != nil {
		return j.broken
	}
	if bytes.IndexByte(change, '\n') >= 0 {
		return errors.New("journal: change with a line break")
	}
	line := appendLine(nil, j.seq+1, change)
	_, err := j.file.Write(line)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", journalName, errors.Join(err, j.undo()))
	}
	j.seq++
	j.size += int64(len(line))
	return nil
}

// undo takes back what a failed Append may have left. What a failed fsync(2)
// leaves on the disk is unknown, so that the file is trusted again only after
// one that succeeds.
func (j *Journal) undo() error {
	err := j.file.Truncate(j.size)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("%s cannot be written since an earlier failure: %w", journalName, err)
	}
	return err
}

// Document is what a generation begins with.
type Document struct {
	Text []byte
	// Changed is the time of the last change that Text holds.
	Changed time.Time
	// Note is JSON that belongs to the document and is none of its text; it is
	// durable together with it. nil for none.
	Note []byte
}

// Rotate begins a new generation: the document as given, an empty journal;
// those before are kept as config.json.1 and journal.1. After an error the
// files are as before, or Due reports true.
func (j *Journal) Rotate(document Document) error {
	return j.begin(document, "")
}

// begin writes a new generation. Where aside is "" the current one becomes the
// previous one; else it gets that suffix and the previous one stays.
func (j *Journal) begin(document Document, aside string) error {
	file, size, err := j.writeAside(document)
	if err != nil {
		return err
	}
	if err := j.renameInto(aside); err != nil {
		j.broken = fmt.Errorf("new generation is not in place: %w", err)
		return errors.Join(err, file.Close())
	}
	if j.file != nil {
		err = j.file.Close() // renamed and synced before: nothing depends on it
	}
	j.file, j.base, j.size, j.documentSize, j.broken = file, j.seq, size, int64(len(document.Text)), nil
	return err
}

// writeAside writes the document and the empty journal under their temporary
// names and makes them durable.
func (j *Journal) writeAside(document Document) (File, int64, error) {
	text, err := json.Marshal(header{Format: format, Document: digest(document.Text), Changed: document.Changed.UTC(), Note: document.Note})
	if err != nil {
		return nil, 0, err
	}
	d, err := write(j.fs, documentNewName, document.Text)
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", documentNewName, err)
	}
	line := appendLine(nil, j.seq, text)
	file, err := write(j.fs, journalNewName, line)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", journalNewName, err)
	}
	if err := j.fs.Sync(); err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, int64(len(line)), nil
}

// renameInto puts the new generation in place of the current one. Read finds
// a whole version after a crash between any two of the steps.
func (j *Journal) renameInto(aside string) error {
	documentTo, journalTo := documentOldName, journalOldName
	if aside != "" {
		documentTo, journalTo = documentName+aside, journalName+aside
	}
	err := errors.Join(j.move(documentName, documentTo), j.move(journalName, journalTo))
	if err == nil {
		err = j.fs.Sync()
	}
	if err == nil {
		err = j.fs.Rename(journalNewName, journalName)
	}
	if err == nil {
		err = j.fs.Rename(documentNewName, documentName)
	}
	if err == nil {
		err = j.fs.Sync()
	}
	return err
}

// move renames a file that may be missing.
func (j *Journal) move(from, to string) error {
	err := j.fs.Rename(from, to)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// reopen opens the journal of a version that is in place.
func (j *Journal) reopen(f *Found, v *Version) error {
	file, err := j.fs.Open(journalName, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return fmt.Errorf("%s: %w", journalName, err)
	}
	data, err := read(j.fs, journalName)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	j.file, j.size, j.documentSize = file, int64(len(data)), int64(len(v.Document))
	j.base = f.journals[journalName].first
	return nil
}

// Close closes the file. What was appended is durable already.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file, j.broken = nil, errors.New("journal: closed")
	return err
}

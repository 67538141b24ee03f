// Package journal keeps one document on disk, and the changes made to it since
// it was last written whole, so that each change is durable before it is
// answered and costs what it changes.
//
// It knows nothing of what the document and the changes mean: a change is one
// line of text. It is not a database: one process, one writer, no queries.
//
// # Files
//
//	config.json     the document, as it was when the journal was begun
//	journal         the changes since
//	config.json.1   the document before that
//	journal.1       the changes from config.json.1 to config.json
//	lock            held (flock) while a process uses the folder
//	*.kept-TIME     what could not be used as it was at a start; never deleted here
//
// Each line of a journal stands for itself:
//
//	4f2ac01b 17 {"time":"…","delete":[…],"update":[…]}\n
//	|        |  `- the change, without a line break
//	|        `---- its sequence number, one more than the line before
//	`------------- CRC-32C (RFC 3720, appendix B.4) of "17 {…}", in hexadecimal
//
// The first line is the header: its number is that of the last change that the
// document holds already; its text has the document's digest, the time of that
// change, and what the writer noted with the document:
//
//	91d0e3aa 16 {"format":1,"document":"sha256:…","changed":"2026-…Z"}\n
//
// # Crashes
//
// A new generation is written aside and renamed into place, the folder synced
// between the steps, so that after a crash at any of them one document and
// the journal that names it by digest are there. A line that is torn, changed
// or out of order ends what is read of its journal.
package journal

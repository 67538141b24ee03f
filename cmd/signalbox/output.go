package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// column is one column of a table whose rows are of type R.
type column[R any] struct {
	title string
	value func(R) any
	// right aligns numbers.
	right bool
}

// printRows prints rows as a table, or as a JSON array with f.json.
func printRows[R any](cmd *cobra.Command, f *clientFlags, rows []R, columns []column[R], none string) error {
	if f.json {
		if rows == nil {
			rows = []R{}
		}
		return printJSON(cmd.OutOrStdout(), rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), none)
		return err
	}
	w := table.NewWriter()
	w.SetStyle(style())
	header := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, c := range columns {
		header[i] = c.title
		configs[i] = table.ColumnConfig{Number: i + 1}
		if c.right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	w.AppendHeader(header)
	w.SetColumnConfigs(configs)
	for _, r := range rows {
		row := make(table.Row, len(columns))
		for i, c := range columns {
			row[i] = paint(cmd.OutOrStdout(), c.value(r))
		}
		w.AppendRow(row)
	}
	w.SuppressTrailingSpaces()
	_, err := fmt.Fprintln(cmd.OutOrStdout(), w.Render())
	return err
}

// style is a table without lines, whose columns are easy to cut for awk(1).
func style() table.Style {
	s := table.StyleDefault
	s.Options = table.OptionsNoBordersAndSeparators
	s.Box.PaddingLeft, s.Box.PaddingRight = "", "  "
	return s
}

// good and bad are texts that a terminal shows in green and red.
type (
	good string
	bad  string
)

// paint turns a cell into text, in colour where a person looks at it
// (https://no-color.org).
func paint(out io.Writer, cell any) any {
	file, isFile := out.(*os.File)
	coloured := isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""
	switch v := cell.(type) {
	case good:
		if coloured {
			return text.FgGreen.Sprint(string(v))
		}
		return string(v)
	case bad:
		if coloured {
			return text.FgRed.Sprint(string(v))
		}
		return string(v)
	case string:
		if v == "" {
			return "-"
		}
		return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(visible(v))
	}
	return cell
}

// visible shows what would control a terminal as it is written in JSON: names
// and descriptions may come from anybody. Lines and tabs stay.
func visible(text string) string {
	var b strings.Builder
	for _, c := range text {
		if unicode.IsPrint(c) || c == '\n' || c == '\t' {
			b.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// present is a number that is not 0, which stands for none.
func present(n uint64) any {
	if n == 0 {
		return ""
	}
	return n
}

// status paints a status by whether it is the one that is hoped for.
func status(value, hoped string) any {
	switch value {
	case "":
		return ""
	case hoped:
		return good(value)
	}
	return bad(value)
}

func printJSON(out io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, string(b))
	return err
}

package filter

import (
	"fmt"
	"strings"
)

// MaxLength bounds an expression, in octets.
const MaxLength = 1024

// SyntaxError is an expression that does not compile.
type SyntaxError struct {
	Expression string
	Offset     int // of what is wrong, in octets from the beginning
	Reason     string
}

// Error names the place as a person counts, from 1 on.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("filter %q: at %d: %s", e.Expression, e.Offset+1, e.Reason)
}

// token is a word, a number, an address or an operator.
type token struct {
	text string
	at   int
}

// operators, the longer ones first.
var operators = []string{"&&", "||", "!=", "==", ">=", "<=", "<<", ">>", "(", ")", "[", "]", "!", "&", "|", "=", ">", "<"}

// lex cuts an expression into tokens.
func lex(expression string) ([]token, error) {
	if len(expression) > MaxLength {
		return nil, &SyntaxError{expression[:32] + "…", MaxLength, fmt.Sprintf("longer than %d octets", MaxLength)}
	}
	var tokens []token
	for at := 0; at < len(expression); {
		rest := expression[at:]
		if strings.ContainsRune(" \t\r\n", rune(rest[0])) {
			at++
			continue
		}
		text := operator(rest)
		if text == "" {
			text = word(rest)
		}
		if text == "" {
			return nil, &SyntaxError{expression, at, fmt.Sprintf("%q is not of the language", rest[:1])}
		}
		tokens = append(tokens, token{text, at})
		at += len(text)
	}
	return tokens, nil
}

func operator(s string) string {
	for _, o := range operators {
		if strings.HasPrefix(s, o) {
			return o
		}
	}
	return ""
}

// word is a run of letters, digits and what addresses have between them.
func word(s string) string {
	n := 0
	for n < len(s) {
		c := s[n]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("._-:/\\", rune(c)) {
			break
		}
		n++
	}
	return s[:n]
}

package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of an expression.
const (
	maxDepth  = 32
	maxChecks = 512
)

// Parse compiles an expression; an empty one passes every frame. Errors are
// *SyntaxError.
func Parse(expression string) (*Filter, error) {
	tokens, err := lex(expression)
	if err != nil {
		return nil, err
	}
	p := &parser{expression: expression, tokens: tokens}
	if len(tokens) == 0 {
		return &Filter{all{}}, nil
	}
	root, err := p.conditions()
	if err == nil && p.peek() != "" {
		err = p.fail("%q is not expected here: want and, or, or the end", p.peek())
	}
	if err == nil && checks(root) > maxChecks {
		err = &SyntaxError{expression, 0, fmt.Sprintf("more than %d comparisons", maxChecks)}
	}
	if err != nil {
		return nil, err
	}
	return &Filter{simple(root)}, nil
}

// checks counts the comparisons of a condition.
func checks(n node) int {
	total := 0
	switch n := n.(type) {
	case all:
		for _, c := range n {
			total += checks(c)
		}
	case some:
		for _, c := range n {
			total += checks(c)
		}
	case not:
		total = checks(n.of)
	case check:
		total = 1
	}
	return total
}

type parser struct {
	expression string
	tokens     []token
	at, depth  int
	last       qualifiers // of the primitive before, for "port 80 or 443"
}

// qualifiers stand before an identifier.
type qualifiers struct {
	protocol  string // "" ether ip ip6 arp rarp tcp udp sctp …
	direction direction
	kind      string // "" host net port portrange proto
}

// direction says which of two addresses or ports is meant.
type direction uint8

const (
	either direction = iota
	source
	destination
	both
)

// peek is the next token, "" at the end.
func (p *parser) peek() string {
	if p.at == len(p.tokens) {
		return ""
	}
	return p.tokens[p.at].text
}

// take reports whether the next token is one of these, and then goes on.
func (p *parser) take(texts ...string) bool {
	if p.at < len(p.tokens) && slices.Contains(texts, p.peek()) {
		p.at++
		return true
	}
	return false
}

// fail is an error at the next token.
func (p *parser) fail(format string, args ...any) error {
	offset := len(p.expression)
	if p.at < len(p.tokens) {
		offset = p.tokens[p.at].at
	}
	return &SyntaxError{p.expression, offset, fmt.Sprintf(format, args...)}
}

// failBefore is an error at the token that was taken last.
func (p *parser) failBefore(format string, args ...any) error {
	p.at--
	defer func() { p.at++ }()
	return p.fail(format, args...)
}

// expect takes a token or fails.
func (p *parser) expect(text string) error {
	if p.take(text) {
		return nil
	}
	if p.peek() == "" {
		return p.fail("ends where %q is missing", text)
	}
	return p.fail("%q, want %q", p.peek(), text)
}

// conditions are conditions joined by and and or, which bind alike.
func (p *parser) conditions() (node, error) {
	left, err := p.condition()
	for err == nil {
		var right node
		switch {
		case p.take("and", "&&"):
			if right, err = p.condition(); err == nil {
				left = all{left, right}
			}
		case p.take("or", "||"):
			if right, err = p.condition(); err == nil {
				left = some{left, right}
			}
		default:
			return left, nil
		}
	}
	return nil, err
}

func (p *parser) condition() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail("more than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not", "!"):
		n, err := p.condition()
		return not{n}, err
	case p.take("("):
		n, err := p.conditions()
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	}
	return p.primitive()
}

var (
	protocols = []string{"ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp"}
	kinds     = []string{"host", "net", "port", "portrange", "proto"}
	relations = map[string]relation{"=": equal, "==": equal, "!=": different, ">": greater, ">=": greaterEqual, "<": less, "<=": lessEqual}
)

// primitive is one condition of the language.
func (p *parser) primitive() (node, error) {
	switch {
	case p.peek() == "":
		return nil, p.fail("ends where a condition is missing")
	case p.take("vlan"):
		return p.vlan()
	case p.take("less"):
		n, err := p.number(1<<16 - 1)
		return check{base: length, mask: ^uint32(0), is: lessEqual, value: n}, err
	case p.take("greater"):
		n, err := p.number(1<<16 - 1)
		return check{base: length, mask: ^uint32(0), is: greaterEqual, value: n}, err
	case p.take("len"):
		return p.relation(check{base: length, mask: ^uint32(0)})
	}
	return p.qualified()
}

// vlan takes what follows "vlan": an id, or nothing for any tag.
func (p *parser) vlan() (node, error) {
	if !isNumber(p.peek()) {
		return check{base: tag, mask: 1 << 16, is: different}, nil
	}
	id, err := p.number(4095)
	return check{base: tag, mask: 1<<16 | 0xfff, value: 1<<16 | id}, err
}

// qualified is a condition of qualifiers and an identifier.
func (p *parser) qualified() (node, error) {
	q := qualifiers{}
	begin := p.at
	if slices.Contains(protocols, p.peek()) {
		q.protocol = p.peek()
		p.at++
		if p.take("[") {
			return p.octets(q.protocol)
		}
	}
	if p.take("broadcast") || p.take("multicast") {
		return p.group(q.protocol, p.tokens[p.at-1].text)
	}
	directed := p.direction(&q)
	if slices.Contains(kinds, p.peek()) {
		q.kind = p.peek()
		p.at++
	}
	switch {
	case q.kind == "" && !directed && q.protocol != "" && (q.protocol != "ether" || p.atEnd()):
		if q.protocol == "ether" {
			return nil, p.fail("want host, src, dst, proto, broadcast, multicast or [ after ether")
		}
		return protocol(q.protocol), nil
	case q == qualifiers{}:
		if p.last == q || !isIdentifier(p.peek()) {
			return nil, p.unknown(begin)
		}
		q = p.last // "port 80 or 443"
	case q.kind == "":
		q.kind = "host"
	}
	p.last = q
	return p.identifiers(q)
}

// unknown says that a word is none of the language.
func (p *parser) unknown(begin int) error {
	p.at = begin
	return p.fail("%q is no condition: want host, net, port, a protocol, vlan, less, greater, len …", p.peek())
}

// atEnd reports that nothing follows that belongs to the condition.
func (p *parser) atEnd() bool {
	return slices.Contains([]string{"", ")", "and", "or", "&&", "||"}, p.peek())
}

// direction takes src, dst, or both of them.
func (p *parser) direction(q *qualifiers) bool {
	switch {
	case p.take("src"):
		q.direction = source
	case p.take("dst"):
		q.direction = destination
	default:
		return false
	}
	other := map[direction]string{source: "dst", destination: "src"}[q.direction]
	if p.at+1 < len(p.tokens) && p.tokens[p.at+1].text == other {
		switch {
		case p.take("or", "||"):
			p.at++
			q.direction = either
		case p.take("and", "&&"):
			p.at++
			q.direction = both
		}
	}
	return true
}

// identifiers are what the qualifiers are about: one, or several in
// parentheses.
func (p *parser) identifiers(q qualifiers) (node, error) {
	if !p.take("(") {
		return p.identifier(q)
	}
	left, err := p.identifier(q)
	for err == nil && !p.take(")") {
		joint := p.peek()
		if !p.take("or", "||", "and", "&&") {
			return nil, p.expect(")")
		}
		var right node
		if right, err = p.identifier(q); err != nil {
			break
		}
		if joint == "or" || joint == "||" {
			left = some{left, right}
		} else {
			left = all{left, right}
		}
	}
	return left, err
}

// octets is what follows "tcp[": octets of a header, compared.
func (p *parser) octets(protocol string) (node, error) {
	c, within, err := p.header(protocol)
	if err != nil {
		return nil, err
	}
	offset, err := p.number(65535)
	if err != nil {
		return nil, err
	}
	c.offset += offset
	c.size = 1
	if _, size, found := strings.Cut(p.tokens[p.at-1].text, ":"); found {
		n, err := strconv.ParseUint(size, 10, 8)
		if err != nil || n != 1 && n != 2 && n != 4 {
			return nil, p.failBefore("%q octets: want 1, 2 or 4", size)
		}
		c.size = uint8(n)
	}
	if err := p.expect("]"); err != nil {
		return nil, err
	}
	c.mask = uint32(1<<(8*uint(c.size)) - 1)
	compared, err := p.relation(c)
	return append(within, compared), err
}

// relation is what follows a value: a mask, how it is compared, and with what.
func (p *parser) relation(c check) (node, error) {
	if p.take("&") {
		mask, err := p.constant()
		if err != nil {
			return nil, err
		}
		c.mask &= mask
	}
	is, known := relations[p.peek()]
	if !known {
		return nil, p.fail("want a comparison: = != > >= < <= or & and a mask")
	}
	p.at++
	c.is = is
	var err error
	c.value, err = p.constant()
	return c, err
}

// constant is a number, a name of TCP or ICMP, or several joined by |.
func (p *parser) constant() (uint32, error) {
	var sum uint32
	for {
		var n uint32
		var err error
		if p.take("(") {
			if n, err = p.constant(); err == nil {
				err = p.expect(")")
			}
		} else if named, ok := names[p.peek()]; ok {
			n = named
			p.at++
		} else {
			n, err = p.number(1<<32 - 1)
		}
		if err != nil {
			return 0, err
		}
		if sum |= n; !p.take("|") {
			return sum, nil
		}
	}
}

// number takes a number, or the part of a token before a colon.
func (p *parser) number(most uint64) (uint32, error) {
	text, _, _ := strings.Cut(p.peek(), ":")
	if n, ok := names[text]; ok {
		p.at++
		return n, nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil || n > most {
		return 0, p.fail("%q: want a number from 0 to %d", p.peek(), most)
	}
	p.at++
	return uint32(n), nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 0, 64)
	return err == nil
}

// isIdentifier reports what may stand without its qualifiers.
func isIdentifier(text string) bool {
	return text != "" && (text[0] >= '0' && text[0] <= '9' || strings.Contains(text, ":"))
}

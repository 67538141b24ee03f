package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxDepth bounds the nesting of a payload; no model is that deep.
const maxDepth = 64

// jsonNode is a JSON value with its text. encoding/json's maps would lose a
// name that stands twice, and the numbers' own form.
type jsonNode struct {
	text    []byte
	kind    jsonKind
	members []jsonMember // of an object, in the order of the text
	items   []jsonNode   // of an array
}

type jsonMember struct {
	name  string
	value jsonNode
}

type jsonKind uint8

const (
	jsonScalar jsonKind = iota
	jsonObject
	jsonArray
)

// parseJSON reads one JSON value with nothing after it.
func parseJSON(text []byte) (jsonNode, error) {
	p := jsonParser{text: text, decoder: json.NewDecoder(bytes.NewReader(text))}
	p.decoder.UseNumber()
	n, err := p.value(0)
	if err != nil {
		return n, fmt.Errorf("JSON: %w", describe(err))
	}
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return n, errors.New("JSON: more text after the value")
	}
	return n, nil
}

// describe gives an error without a text of its own one.
func describe(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the text ends before the value does")
	}
	return err
}

type jsonParser struct {
	text    []byte
	decoder *json.Decoder
}

func (p *jsonParser) value(depth int) (jsonNode, error) {
	before := p.decoder.InputOffset()
	token, err := p.decoder.Token()
	if err != nil {
		return jsonNode{}, err
	}
	return p.rest(token, before, depth)
}

// rest reads what follows the first token of a value.
func (p *jsonParser) rest(token json.Token, before int64, depth int) (n jsonNode, err error) {
	if depth > maxDepth {
		return n, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	switch token {
	case json.Delim('{'):
		n.kind = jsonObject
		n.members, err = p.object(depth)
	case json.Delim('['):
		n.kind = jsonArray
		n.items, err = p.array(depth)
	}
	n.text = bytes.TrimLeft(p.text[before:p.decoder.InputOffset()], " \t\r\n:,")
	return n, err
}

func (p *jsonParser) object(depth int) ([]jsonMember, error) {
	var members []jsonMember
	var seen names
	for {
		token, err := p.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return members, nil // the closing brace
		}
		if seen.twice(name, members) {
			return nil, fmt.Errorf("%q stands twice in one object", name)
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		members = append(members, jsonMember{name, value})
	}
}

// names are those of an object's members, where these are many.
type names map[string]struct{}

// fewMembers are looked through one by one.
const fewMembers = 16

// twice reports whether one of the members before has the name.
func (n *names) twice(name string, before []jsonMember) bool {
	if len(before) < fewMembers {
		return slices.ContainsFunc(before, func(m jsonMember) bool { return m.name == name })
	}
	if *n == nil {
		*n = names{}
		for _, m := range before {
			(*n)[m.name] = struct{}{}
		}
	}
	_, ok := (*n)[name]
	(*n)[name] = struct{}{}
	return ok
}

func (p *jsonParser) array(depth int) ([]jsonNode, error) {
	var items []jsonNode
	for {
		before := p.decoder.InputOffset()
		token, err := p.decoder.Token()
		if err != nil {
			return nil, err
		}
		if token == json.Delim(']') {
			return items, nil
		}
		item, err := p.rest(token, before, depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
}

// split takes a member's name into its module, "" for none, and its own name.
func split(name string) (module, local string) {
	if module, local, ok := strings.Cut(name, ":"); ok {
		return module, local
	}
	return "", name
}

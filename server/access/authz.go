package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// authz says which calls may be made: the gRPC authorization policy (gRFC A43)
// that gNSI authz carries. A call that a deny rule fits is refused, then one
// that no allow rule fits.
//
// Headers are not served: what a client writes into them proves nothing.
type authz struct {
	Name  string      `json:"name"`
	Deny  []authzRule `json:"deny_rules"`
	Allow []authzRule `json:"allow_rules"`
}

// authzRule fits a call where its source and its request do.
type authzRule struct {
	Name   string `json:"name"`
	Source struct {
		// Principals are identities; none fits everybody.
		Principals []string `json:"principals"`
	} `json:"source"`
	Request struct {
		// Paths are those of methods, "/package.Service/Method"; none fits all.
		Paths []string `json:"paths"`
	} `json:"request"`
}

// parseAuthz reads the policy. A field that is not served, or stands where it
// should not, is an error.
func parseAuthz(content []byte) (*authz, error) {
	p := &authz{}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("authz policy: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("authz policy: there is more behind it")
	}
	for kind, rules := range map[string][]authzRule{"deny_rules": p.Deny, "allow_rules": p.Allow} {
		names := map[string]bool{}
		for i := range rules {
			r := &rules[i]
			if r.Name == "" || names[r.Name] {
				return nil, fmt.Errorf("authz policy: %s: rule %d has no name of its own", kind, i+1)
			}
			names[r.Name] = true
			if err := r.check(); err != nil {
				return nil, fmt.Errorf("authz policy: %s: rule %s: %w", kind, r.Name, err)
			}
		}
	}
	if len(p.Allow) == 0 {
		return nil, errors.New("authz policy: allow_rules are missing: nobody could do anything")
	}
	return p, nil
}

// check refuses patterns that can fit nothing: of a deny rule they would
// deny nothing.
func (r *authzRule) check() error {
	for _, p := range slices.Concat(r.Source.Principals, r.Request.Paths) {
		if stars := strings.Count(p, "*"); p == "" || stars > 1 || stars == 1 && p[0] != '*' && p[len(p)-1] != '*' {
			return fmt.Errorf("%q: want a text, with * at one end for a part of it", p)
		}
	}
	for _, p := range r.Request.Paths {
		if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "*") {
			return fmt.Errorf("path %q: want /package.Service/Method, or a part of it with * at an end", p)
		}
	}
	return nil
}

// permits decides on a call of a method by somebody; "" is nobody in
// particular. The rule that denied it is named, where one did.
func (p *authz) permits(identity, method string) (ok bool, rule string) {
	for i := range p.Deny {
		if p.Deny[i].fits(identity, method) {
			return false, p.Deny[i].Name
		}
	}
	for i := range p.Allow {
		if p.Allow[i].fits(identity, method) {
			return true, ""
		}
	}
	return false, ""
}

func (r *authzRule) fits(identity, method string) bool {
	return anyFits(r.Source.Principals, identity) && anyFits(r.Request.Paths, method)
}

// anyFits matches as gRFC A43 has it: exactly, by a prefix "abc*", by a suffix
// "*abc", or by "*" whatever is not empty.
func anyFits(patterns []string, text string) bool {
	for _, p := range patterns {
		prefix, isPrefix := strings.CutSuffix(p, "*")
		suffix, isSuffix := strings.CutPrefix(p, "*")
		switch {
		case text == "": // nobody is no principal
		case isPrefix && strings.HasPrefix(text, prefix), !isPrefix && isSuffix && strings.HasSuffix(text, suffix), p == text:
			return true
		}
	}
	return len(patterns) == 0
}

package access

import (
	"strings"
	"testing"
)

const (
	get = "/gnmi.gNMI/Get"
	set = "/gnmi.gNMI/Set"
)

func TestG42_Authz(t *testing.T) {
	const admin, reader = "spiffe://example.net/sa/admin", "reader"
	policy := func(rules string) string { return `{"name": "p", ` + rules + `}` }
	all := `"allow_rules": [{"name": "all"}]`
	roles := `"allow_rules": [{"name": "admins", "source": {"principals": ["spiffe://example.net/*"]}, "request": {"paths": ["/gnmi.gNMI/*"]}},
		{"name": "readers", "source": {"principals": ["reader", "*er2"]}, "request": {"paths": ["*/Get", "/gnmi.gNMI/Capabilities"]}}]`
	tests := []struct {
		name, policy, identity, method string
		want                           bool
	}{
		{"all", policy(all), "", set, true},
		{"a role", policy(roles), admin, set, true},
		{"a role, other service", policy(roles), admin, "/gnoi.system.System/Reboot", false},
		{"another role", policy(roles), reader, get, true},
		{"another role, not its call", policy(roles), reader, set, false},
		{"by a suffix", policy(roles), "reader2", get, true},
		{"by a part of a name", policy(roles), "reader3", get, false},
		{"nobody", policy(roles), "", get, false},
		{"denied goes before allowed", policy(all + `, "deny_rules": [{"name": "no", "source": {"principals": ["reader"]}, "request": {"paths": ["/gnmi.gNMI/Set"]}}]`), reader, set, false},
		{"denied another call", policy(all + `, "deny_rules": [{"name": "no", "source": {"principals": ["reader"]}, "request": {"paths": ["/gnmi.gNMI/Set"]}}]`), reader, get, true},
		{"denied to everybody with a name", policy(all + `, "deny_rules": [{"name": "no", "source": {"principals": ["*"]}}]`), reader, get, false},
		{"denied to everybody", policy(all + `, "deny_rules": [{"name": "no"}]`), "", get, false},
		{"everybody with a name", policy(`"allow_rules": [{"name": "all", "source": {"principals": ["*"]}}]`), "", get, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parseAuthz([]byte(tt.policy))
			if err != nil {
				t.Fatal(err)
			}
			if got, rule := p.permits(tt.identity, tt.method); got != tt.want {
				t.Errorf("%q calls %s: %t (rule %q), want %t", tt.identity, tt.method, got, rule, tt.want)
			}
		})
	}
}

func TestG42_AuthzThatCannotBe(t *testing.T) {
	tests := []struct{ name, policy, err string }{
		{"empty", ``, "EOF"},
		{"not JSON", `deny`, "invalid character"},
		{"cut off", `{"allow_rules": [`, "unexpected EOF"},
		{"nothing allowed", `{"name": "p"}`, "allow_rules are missing"},
		{"a field that is not known", `{"allow_rules": [{"name": "a"}], "deny_rule": []}`, `unknown field "deny_rule"`},
		{"headers", `{"allow_rules": [{"name": "a", "request": {"headers": [{"key": "x", "values": ["y"]}]}}]}`, `unknown field "headers"`},
		{"no name", `{"allow_rules": [{}]}`, "has no name of its own"},
		{"one name twice", `{"allow_rules": [{"name": "a"}, {"name": "a"}]}`, "rule 2 has no name of its own"},
		{"an empty principal", `{"allow_rules": [{"name": "a", "source": {"principals": [""]}}]}`, "rule a: \"\""},
		{"a star in the middle", `{"allow_rules": [{"name": "a", "request": {"paths": ["/gnmi.*/Get"]}}]}`, "with * at one end"},
		{"stars at both ends", `{"allow_rules": [{"name": "a", "request": {"paths": ["*Get*"]}}]}`, "with * at one end"},
		{"a path without a slash", `{"allow_rules": [{"name": "a"}], "deny_rules": [{"name": "b", "request": {"paths": ["gnmi.gNMI/Get"]}}]}`, "want /package.Service/Method"},
		{"more behind it", `{"allow_rules": [{"name": "a"}]} {}`, "more behind it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := parseAuthz([]byte(tt.policy)); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, %v; want an error with %q", p, err, tt.err)
			}
		})
	}
}

func FuzzG42_Authz(f *testing.F) {
	f.Add([]byte(`{"name": "p", "allow_rules": [{"name": "a", "source": {"principals": ["x*"]}, "request": {"paths": ["/gnmi.gNMI/*"]}}], "deny_rules": []}`), "xy", get)
	f.Add([]byte(`{"allow_rules": [{"name": "a"}], "deny_rules": [{"name": "b", "source": {"principals": ["*"]}}]}`), "", set)
	f.Fuzz(func(t *testing.T, content []byte, identity, method string) {
		p, err := parseAuthz(content)
		if err != nil {
			return
		}
		ok, rule := p.permits(identity, method)
		p.Deny = append(p.Deny, authzRule{Name: "everything"})
		if still, _ := p.permits(identity, method); still || ok && rule != "" {
			t.Errorf("%q calls %q: %t by %q, and %t where everything is denied", identity, method, ok, rule, still)
		}
	})
}

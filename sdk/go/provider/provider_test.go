package provider

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/weir/weir-go"
	"google.golang.org/protobuf/encoding/protojson"
)

func nothing(context.Context, Query) (*Content, error)  { return nil, nil }
func idle(context.Context, *Call) (any, error)          { return nil, nil }
func none(context.Context, ListQuery) (ListPage, error) { return ListPage{}, nil }

func helpdesk() *Provider {
	return &Provider{
		Name: "helpdesk", Version: "1.0.0",
		Contexts: []Context{{Type: "Ticket", Version: "1.0.0", Schema: `{"type": "object"}`, Fetch: nothing}},
	}
}

func TestValidateNamesEachFault(t *testing.T) {
	faulty := &Provider{
		Name: "Help Desk", Version: "1", Weight: 1001, Timeout: time.Hour, HedgeAfter: time.Millisecond,
		Concurrency: -1, Bearer: "token", Limits: Limits{ConcurrentCalls: 2_000}, WantsPrincipal: true,
		Contexts: []Context{
			{Type: "ticket", Version: "1.0", Scope: ScopeTenant, TTL: -1, Sensitivity: "secret", SchemaCheck: "x", Schema: "[]"},
			{Type: "Ticket", Version: "1.0.0", Fetch: nothing, Scope: "all"},
			{Type: "Ticket", Version: "1.0.0", Fetch: nothing, FetchMany: func(context.Context, []Query) ([]Answer, error) { return nil, nil }},
		},
		Operations: []Operation{{Name: "no spaces", Kind: "x", Timeout: time.Hour, TTL: time.Second}},
		Topics:     []Topic{{Topic: "Not A Topic"}, {Topic: "a.b", Type: "x", Version: "1"}},
	}
	err := faulty.Validate()
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, want := range []string{
		"Name must be", `Version "1" is not semver`, "Weight 1001", "Timeout 1h0m0s", "HedgeAfter 1ms", "Concurrency -1",
		"secret:// reference", "Limits.ConcurrentCalls 2000", "needs ScopePrincipal", "Type must be", "TTL -1ns",
		`Sensitivity "secret"`, `SchemaCheck "x"`, "Schema is not a JSON object", `Scope "all"`, "give Fetch or FetchMany;",
		"not both", "Ticket@1.0.0 is offered twice", "operation no spaces: Name", "give Call", `Kind "x"`,
		"only what is ReadOnly", `topic "Not A Topic"`, `Type "x" is no type`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q in\n%v", want, err)
		}
	}
	if err := (&Provider{Name: "a", Version: "1.0.0"}).Validate(); err == nil || !strings.Contains(err.Error(), "Contexts is empty") {
		t.Error(err)
	}
	if err := helpdesk().Validate(); err != nil {
		t.Error(err)
	}
}

func TestTheManifestSaysWhatTheCodeSays(t *testing.T) {
	under := &Provider{
		Name: "docs", Version: "1.2.3", Title: "Docs", Tags: []string{"a"}, Weight: -1, Priority: 2,
		Timeout: 3 * time.Second, Limits: Limits{CallsPerSecond: 5}, HedgeAfter: 20 * time.Millisecond,
		PrincipalAttributes: []string{"roles"}, Bearer: "secret://t",
		Contexts: []Context{
			{
				Type: "Page", Version: "1.0.0", KeyPrefix: "p/", Scope: ScopePrincipal, TTL: time.Minute, NegativeTTL: -1,
				StaleWhileRevalidate: time.Second, Sensitivity: weir.Public, SchemaCheck: CheckScore,
				CompleteFields: []string{"/a"}, KeyTemplates: []KeyTemplate{{Template: "p/{id}", Name: "page"}},
				Fetch: nothing, List: none,
			},
		},
		Operations: []Operation{
			{Name: "find", ReadOnly: true, TTL: time.Second, Input: `{"type": "object"}`, Call: idle},
			{Name: "add", Kind: Prompt, NonDestructive: true, Idempotent: true, ClosedWorld: true, Timeout: time.Second, Annotations: `{"a": 1}`, Call: idle},
		},
		Topics: []Topic{{Topic: "page.updated", Title: "T", Type: "Change", Version: "1.0.0", Schema: `{"type": "object"}`}},
	}
	manifest, err := under.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := `{
		"name": "docs", "version": "1.2.3", "title": "Docs", "tags": ["a"], "weight": 0, "priority": 2, "timeout": "3s",
		"limits": {"callsPerSecond": 5}, "hedgeAfter": "0.020s", "principalAttributes": ["roles"],
		"authentication": {"bearer": "secret://t"},
		"contexts": [{
			"type": "Page", "version": "1.0.0", "keyPrefix": "p/", "scope": "CACHE_SCOPE_PRINCIPAL", "ttl": "60s",
			"staleWhileRevalidate": "1s", "negativeTtl": "0s", "sensitivity": "SENSITIVITY_PUBLIC", "listable": true,
			"schemaCheck": "SCHEMA_CHECK_SCORE", "completeFields": ["/a"],
			"keyTemplates": [{"template": "p/{id}", "name": "page"}]
		}],
		"operations": [
			{
				"name": "find", "kind": "OPERATION_KIND_TOOL", "hints": {"readOnly": true}, "ttl": "1s",
				"inputSchema": {"type": "object"}
			},
			{
				"name": "add", "kind": "OPERATION_KIND_PROMPT", "timeout": "1s",
				"hints": {"destructive": false, "idempotent": true, "openWorld": false}, "annotations": {"a": 1}
			}
		],
		"topics": [{"topic": "page.updated", "title": "T", "type": "Change", "version": "1.0.0"}]
	}`
	same(t, protojson.Format(manifest), want)
	types := under.typeManifests()
	if len(types) != 1 {
		t.Fatal(types)
	}
	same(t, protojson.Format(types[0]), `{"name": "Change", "version": "1.0.0", "title": "T", "schema": {"type": "object"}}`)
}

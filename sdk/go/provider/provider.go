package provider

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/weir/weir-go/internal/wire"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// Limits say how much one router may ask of a provider at once. What is 0 has the default.
type Limits struct {
	// ConcurrentCalls is the number of calls under way, 1 to 1,000. What is beyond waits for a moment, then is
	// refused. Default: 64.
	ConcurrentCalls uint32
	// CallsPerSecond is the number of calls begun in a second, 1 to 100,000. Default: any number.
	CallsPerSecond uint32
	// ResponseBytes are the bytes of all values of one answer, 4,096 to 1 GiB; what is beyond is refused.
	// Default: 64 MiB.
	ResponseBytes uint64
}

// Topic is a topic that a provider publishes on, for who wants to subscribe.
type Topic struct {
	// Topic is the topic, such as "page.updated": 1 to 8 names, separated by dots.
	Topic string
	// Title is what people call it.
	Title string
	// Description says what its events tell, in a few sentences.
	Description string
	// Type is the context type whose schema the data of its events has, and Version its version. Default: not
	// stated.
	Type, Version string
	// Schema is the JSON Schema of the data, as JSON. Given for a type of your own, it is published before the
	// provider is registered.
	Schema string
}

// Provider is what a provider declares of itself.
type Provider struct {
	// Name is unique in the tenant: 1 to 63 of a-z, 0-9 and "-", beginning with a letter.
	Name string
	// Version is the version, semver. Several versions of a provider can be live at once.
	Version string
	// Title is what people call it.
	Title string
	// Description says what it is, in a few sentences.
	Description string
	// Tags are words to find it by.
	Tags []string
	// Category is what kind of source it is, such as "documents" or "database".
	Category string
	// Owner answers for it.
	Owner string
	// Weight is this version's share among the live ones, up to 1000. Default: 100; negative: none, only when
	// it is pinned.
	Weight int
	// Priority: which of several providers of a type is asked first, the higher. Default: 0.
	Priority int32
	// Timeout is the time that one call of a router may take, up to 60 s. Default: 5 s.
	Timeout time.Duration
	// Limits say how much one router may ask at once.
	Limits Limits
	// HedgeAfter: when a call has brought nothing for so long, it is made once more, to another endpoint, and
	// the first answer counts; 10 ms to 60 s. Set it only when asking twice does no harm. Default: never.
	HedgeAfter time.Duration
	// WantsPrincipal says whether the provider is told who the principal is.
	WantsPrincipal bool
	// PrincipalAttributes are the attributes of the principal that the provider is told.
	PrincipalAttributes []string
	// Bearer is where routers find the token that ServeOptions.Token requires, such as "secret://docs-token".
	Bearer string
	// Concurrency is how many queries of one batch run at once. Default: 64.
	Concurrency int
	// Contexts is what it offers; at least one, or an operation.
	Contexts []Context
	// Operations is what it can do besides give context; at most 1,000.
	Operations []Operation
	// Topics are those that it publishes on; at most 64. Default: none are told.
	Topics []Topic
}

const (
	defaultConcurrency = 64
	topicsMax          = 64
)

var (
	typeName     = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
	providerName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	// As semver.org suggests.
	semver        = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)
	topicForm     = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?){0,7}$`)
	operationName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
)

// Validate returns an error that names each fault of the declaration, or nil.
func (p *Provider) Validate() error {
	var faults faults
	faults.add(!providerName.MatchString(p.Name), `Name must be a-z, 0-9 and "-" after a letter, at most 63`)
	faults.semver("Version", p.Version)
	faults.add(len(p.Contexts)+len(p.Operations) == 0, "Contexts is empty: offer at least one, or an operation")
	faults.add(p.Weight > 1000, "Weight %d is more than 1000", p.Weight)
	faults.within("Timeout", p.Timeout, time.Millisecond, time.Minute)
	faults.within("HedgeAfter", p.HedgeAfter, 10*time.Millisecond, time.Minute)
	faults.add(p.Concurrency < 0, "Concurrency %d is less than 0", p.Concurrency)
	faults.add(p.Bearer != "" && !strings.HasPrefix(p.Bearer, "secret://"), "Bearer must be a secret:// reference")
	faults.limits(p.Limits)
	told := p.WantsPrincipal || len(p.PrincipalAttributes) > 0
	seen := map[string]bool{}
	for at := range p.Contexts {
		context := &p.Contexts[at]
		faults.context(context)
		faults.add(told && context.Scope == ScopeTenant,
			"context %s: a provider told of the principal needs ScopePrincipal or ScopeNone", context.Type)
		faults.once(seen, context.Type+"@"+context.Version)
	}
	for at := range p.Operations {
		faults.operation(&p.Operations[at])
		faults.once(seen, "operation "+p.Operations[at].Name)
	}
	faults.add(len(p.Topics) > topicsMax, "Topics has %d entries: declare at most %d", len(p.Topics), topicsMax)
	for _, topic := range p.Topics {
		faults.topic(topic)
		faults.once(seen, "topic "+topic.Topic)
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("provider %s: %s", p.Name, strings.Join(faults, "; "))
}

// faults are what is wrong with a declaration.
type faults []string

func (f *faults) add(isFault bool, format string, arguments ...any) {
	if isFault {
		*f = append(*f, fmt.Sprintf(format, arguments...))
	}
}

func (f *faults) semver(name, version string) {
	f.add(!semver.MatchString(version), "%s %q is not semver: write it like 1.0.0", name, version)
}

func (f *faults) within(name string, value, least, most time.Duration) {
	f.add(value != 0 && (value < least || value > most), "%s %v is not %v to %v", name, value, least, most)
}

func (f *faults) once(seen map[string]bool, name string) {
	f.add(seen[name], "%s is offered twice: offer it once", name)
	seen[name] = true
}

func (f *faults) limits(limits Limits) {
	check := func(name string, value, least, most uint64) {
		f.add(value != 0 && (value < least || value > most), "Limits.%s %d is not %d to %d", name, value, least, most)
	}
	check("ConcurrentCalls", uint64(limits.ConcurrentCalls), 1, 1_000)
	check("CallsPerSecond", uint64(limits.CallsPerSecond), 1, 100_000)
	check("ResponseBytes", limits.ResponseBytes, 4_096, 1<<30)
}

func (f *faults) context(c *Context) {
	fault := func(isFault bool, format string, arguments ...any) {
		f.add(isFault, "context %s: %s", c.Type, fmt.Sprintf(format, arguments...))
	}
	fault(!typeName.MatchString(c.Type), "Type must be A-Z, a-z, 0-9 after a capital, at most 63 characters")
	f.semver("context "+c.Type+": Version", c.Version)
	fault(c.Fetch == nil && c.FetchMany == nil, "give Fetch or FetchMany")
	fault(c.Fetch != nil && c.FetchMany != nil, "give Fetch or FetchMany, not both")
	fault(c.TTL < 0, "TTL %v is less than 0", c.TTL)
	fault(c.StaleWhileRevalidate < 0, "StaleWhileRevalidate %v is less than 0", c.StaleWhileRevalidate)
	_, isCheck := schemaChecks[c.SchemaCheck]
	fault(!isCheck, "SchemaCheck %q is not none, score or require", c.SchemaCheck)
	f.shared("context "+c.Type, c.Scope, string(c.Sensitivity))
	f.schema("context "+c.Type+": Schema", c.Schema)
}

func (f *faults) operation(o *Operation) {
	fault := func(isFault bool, format string, arguments ...any) {
		f.add(isFault, "operation %s: %s", o.Name, fmt.Sprintf(format, arguments...))
	}
	fault(!operationName.MatchString(o.Name), `Name must be 1 to 128 of A-Z, a-z, 0-9, "_", "-" and "."`)
	fault(o.Call == nil, "give Call")
	fault(o.Kind != "" && o.Kind != Tool && o.Kind != Prompt, "Kind %q is not tool or prompt", o.Kind)
	f.within("operation "+o.Name+": Timeout", o.Timeout, time.Millisecond, 10*time.Minute)
	fault(o.TTL < 0, "TTL %v is less than 0", o.TTL)
	fault(o.TTL > 0 && !o.ReadOnly, "only what is ReadOnly can have a TTL")
	f.shared("operation "+o.Name, o.Scope, string(o.Sensitivity))
	f.schema("operation "+o.Name+": Input", o.Input)
	f.schema("operation "+o.Name+": Output", o.Output)
	f.schema("operation "+o.Name+": Annotations", o.Annotations)
}

func (f *faults) topic(topic Topic) {
	f.add(!topicForm.MatchString(topic.Topic), "topic %q is none: write 1 to 8 names like page.updated", topic.Topic)
	f.schema("topic "+topic.Topic+": Schema", topic.Schema)
	if topic.Type == "" && topic.Version == "" && topic.Schema == "" {
		return
	}
	f.add(!typeName.MatchString(topic.Type), "topic %s: Type %q is no type", topic.Topic, topic.Type)
	f.semver("topic "+topic.Topic+": Version", topic.Version)
}

func (f *faults) shared(what string, scope Scope, sensitivity string) {
	_, isScope := scopes[scope]
	f.add(!isScope, "%s: Scope %q is not tenant, principal or none", what, scope)
	_, isSensitivity := wire.SensitivityOf(sensitivity)
	f.add(!isSensitivity, "%s: Sensitivity %q is not public, internal, confidential or restricted", what, sensitivity)
}

func (f *faults) schema(what, text string) {
	_, err := schemaOf(text)
	f.add(err != nil, "%s is not a JSON object: %v", what, err)
}

// schemaOf reads a schema; nil for "".
func schemaOf(text string) (*structpb.Struct, error) {
	if text == "" {
		return nil, nil
	}
	schema := &structpb.Struct{}
	return schema, protojson.Unmarshal([]byte(text), schema)
}

// isQuality says whether a number can be a quality.
func isQuality(quality float64) bool {
	return !math.IsNaN(quality) && quality >= 0 && quality <= 1
}

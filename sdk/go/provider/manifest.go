package provider

import (
	registryv1 "github.com/weir/weir-go/gen/weir/registry/v1"
	"github.com/weir/weir-go/internal/wire"
	"google.golang.org/protobuf/types/known/structpb"
)

var (
	scopes = map[Scope]registryv1.CacheScope{
		"":             registryv1.CacheScope_CACHE_SCOPE_UNSPECIFIED,
		ScopeTenant:    registryv1.CacheScope_CACHE_SCOPE_TENANT,
		ScopePrincipal: registryv1.CacheScope_CACHE_SCOPE_PRINCIPAL,
		ScopeNone:      registryv1.CacheScope_CACHE_SCOPE_NONE,
	}
	schemaChecks = map[SchemaCheck]registryv1.SchemaCheck{
		"":           registryv1.SchemaCheck_SCHEMA_CHECK_UNSPECIFIED,
		CheckNone:    registryv1.SchemaCheck_SCHEMA_CHECK_NONE,
		CheckScore:   registryv1.SchemaCheck_SCHEMA_CHECK_SCORE,
		CheckRequire: registryv1.SchemaCheck_SCHEMA_CHECK_REQUIRE,
	}
)

// Manifest returns the manifest that a provider is registered with. It fails when the declaration has faults.
func (p *Provider) Manifest() (*registryv1.ProviderManifest, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	manifest := &registryv1.ProviderManifest{
		Name:                p.Name,
		Version:             p.Version,
		Title:               p.Title,
		Description:         p.Description,
		Tags:                p.Tags,
		Category:            p.Category,
		Owner:               p.Owner,
		Weight:              p.weight(),
		Priority:            p.Priority,
		Timeout:             wire.Duration(p.Timeout),
		Limits:              p.Limits.toWire(),
		HedgeAfter:          wire.Duration(p.HedgeAfter),
		WantsPrincipal:      p.WantsPrincipal,
		PrincipalAttributes: p.PrincipalAttributes,
	}
	if p.Bearer != "" {
		manifest.Authentication = &registryv1.ProviderAuthentication{Bearer: p.Bearer}
	}
	for at := range p.Contexts {
		manifest.Contexts = append(manifest.Contexts, p.Contexts[at].offer())
	}
	for at := range p.Operations {
		manifest.Operations = append(manifest.Operations, p.Operations[at].offer())
	}
	for _, topic := range p.Topics {
		manifest.Topics = append(manifest.Topics, &registryv1.TopicOffer{
			Topic: topic.Topic, Title: topic.Title, Description: topic.Description,
			Type: topic.Type, Version: topic.Version,
		})
	}
	return manifest, nil
}

// typeManifests returns the manifests of the types that a provider brings along with a schema of its own.
func (p *Provider) typeManifests() []*registryv1.ContextTypeManifest {
	var manifests []*registryv1.ContextTypeManifest
	add := func(name, version, title, schema string) {
		if schema == "" {
			return
		}
		manifests = append(manifests, &registryv1.ContextTypeManifest{
			Name: name, Version: version, Title: title, Schema: validSchema(schema),
		})
	}
	for _, context := range p.Contexts {
		add(context.Type, context.Version, context.Title, context.Schema)
	}
	for _, topic := range p.Topics {
		add(topic.Type, topic.Version, topic.Title, topic.Schema)
	}
	return manifests
}

// validSchema reads a schema, or another JSON object, that Validate has found to be one.
func validSchema(text string) *structpb.Struct {
	schema, _ := schemaOf(text)
	return schema
}

func (p *Provider) weight() *uint32 {
	if p.Weight == 0 {
		return nil
	}
	var weight uint32
	if p.Weight > 0 {
		weight = uint32(p.Weight)
	}
	return &weight
}

func (l Limits) toWire() *registryv1.ProviderLimits {
	if l == (Limits{}) {
		return nil
	}
	return &registryv1.ProviderLimits{
		ConcurrentCalls: given(l.ConcurrentCalls),
		CallsPerSecond:  given(l.CallsPerSecond),
		ResponseBytes:   given(l.ResponseBytes),
	}
}

// given returns a pointer to what is not the zero value, else nil.
func given[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

func (c *Context) offer() *registryv1.ContextOffer {
	sensitivity, _ := wire.SensitivityOf(string(c.Sensitivity))
	offer := &registryv1.ContextOffer{
		Type:                 c.Type,
		Version:              c.Version,
		KeyPrefix:            c.KeyPrefix,
		Scope:                scopes[c.Scope],
		Ttl:                  wire.Duration(c.TTL),
		StaleWhileRevalidate: wire.Duration(c.StaleWhileRevalidate),
		NegativeTtl:          wire.Duration(c.NegativeTTL),
		Sensitivity:          sensitivity,
		Listable:             c.List != nil,
		SchemaCheck:          schemaChecks[c.SchemaCheck],
		CompleteFields:       c.CompleteFields,
	}
	for _, template := range c.KeyTemplates {
		offer.KeyTemplates = append(offer.KeyTemplates, &registryv1.KeyTemplate{
			Template: template.Template, Name: template.Name, Title: template.Title,
			Description: template.Description, ContentType: template.ContentType,
		})
	}
	return offer
}

func (o *Operation) offer() *registryv1.OperationOffer {
	sensitivity, _ := wire.SensitivityOf(string(o.Sensitivity))
	offer := &registryv1.OperationOffer{
		Name:         o.Name,
		Title:        o.Title,
		Description:  o.Description,
		Kind:         registryv1.OperationKind_OPERATION_KIND_TOOL,
		InputSchema:  validSchema(o.Input),
		OutputSchema: validSchema(o.Output),
		Hints:        &registryv1.OperationHints{ReadOnly: given(o.ReadOnly), Idempotent: given(o.Idempotent)},
		Timeout:      wire.Duration(o.Timeout),
		Sensitivity:  sensitivity,
		Ttl:          wire.Duration(o.TTL),
		Scope:        scopes[o.Scope],
		Annotations:  validSchema(o.Annotations),
	}
	if o.Kind == Prompt {
		offer.Kind = registryv1.OperationKind_OPERATION_KIND_PROMPT
	}
	no := false
	if o.NonDestructive {
		offer.Hints.Destructive = &no
	}
	if o.ClosedWorld {
		offer.Hints.OpenWorld = &no
	}
	return offer
}

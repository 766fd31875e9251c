package provider

import (
	"context"
	"time"

	"github.com/weir/weir-go"
)

// Caller says for whom a provider is asked. It never holds the caller's credentials.
type Caller struct {
	// Tenant is the tenant.
	Tenant string
	// Principal is the principal; empty unless the provider sets WantsPrincipal.
	Principal string
	// Attributes are those of the principal that the provider's PrincipalAttributes name.
	Attributes map[string]any
}

// Query is one value to fetch.
type Query struct {
	// Key is the key.
	Key string
	// KnownEtag is the etag of the value that the router holds; empty when it holds none.
	KnownEtag string
	// Caller says for whom.
	Caller Caller
}

// Content is a value, and what is known of it.
type Content struct {
	// Value is sent as JSON, a string as it is, bytes as they are. What is larger than a message is sent in
	// parts. What should not be held whole is given as an io.Reader, with SizeBytes; it is closed at the end
	// if it is an io.Closer. Consumers get what is above 4 MiB by a link.
	Value any
	// SizeBytes is how many bytes the reader holds; given with a reader only.
	SizeBytes uint64
	// ContentType is the media type. Default: application/json; of a string text/plain; charset=utf-8, of
	// bytes and readers application/octet-stream.
	ContentType string
	// Etag is the tag of this state of the value. Default: from a SHA-256 hash of the bytes; no reader has one.
	Etag string
	// NotModified says that the value with the query's KnownEtag still holds. Value is then not looked at.
	NotModified bool
	// AsOf is when this was the value. Default: now.
	AsOf time.Time
	// TTL is how long it stays true. Default: the context's TTL; negative: it is not kept.
	TTL time.Duration
	// Sensitivity is how sensitive it is. Default: the context's.
	Sensitivity weir.Sensitivity
	// Quality is how good it is, from 0 to 1. Default: not judged.
	Quality *float64
	// Source is the place within the source, such as a file name and line; shown to callers.
	Source string
	// Labels are names and values that describe it; policies can read them.
	Labels map[string]string
	// Owner owns it in the source.
	Owner string
}

// Quality returns a quality for Content, from 0 to 1.
func Quality(quality float64) *float64 { return &quality }

// Answer is what became of one query of FetchMany.
type Answer struct {
	// Content is the value; nil: there is no such key.
	Content *Content
	// Err fails this query alone.
	Err error
}

// FetchFunc gets one value; nil, or ErrNotFound, when there is no such key. It returns an *Error to say what
// went wrong. Its context is done when the deadline has passed or nobody wants the answer any more.
type FetchFunc func(ctx context.Context, query Query) (*Content, error)

// ByKey makes a FetchFunc of a function that gets a value by its key alone; nil when there is no such key.
func ByKey[T any](get func(ctx context.Context, key string) (*T, error)) FetchFunc {
	return func(ctx context.Context, query Query) (*Content, error) {
		value, err := get(ctx, query.Key)
		if value == nil || err != nil {
			return nil, err
		}
		return &Content{Value: value}, nil
	}
}

// ListQuery says what to list.
type ListQuery struct {
	// KeyPrefix leaves only keys that begin with it. Empty: all.
	KeyPrefix string
	// Text leaves only what matches these words, best first. Empty: all, by key.
	Text string
	// PageSize is the greatest number of entries to return; at least 1.
	PageSize int
	// PageToken is where to go on: your NextPageToken of the page before. Empty: at the beginning.
	PageToken string
	// Caller says for whom.
	Caller Caller
}

// ListEntry is a key that can be fetched.
type ListEntry struct {
	// Key is the key.
	Key string
	// Title is what it is called, for people.
	Title string
	// Summary is a few words of it, or about it.
	Summary string
	// Score is how well it matches the words asked for, from 0 to 1.
	Score float64
	// UpdateTime is when it last changed. Default: not known.
	UpdateTime time.Time
	// Sensitivity is how sensitive the item is: policies decide by it who finds it. Default: the context's.
	Sensitivity weir.Sensitivity
	// Labels are the item's labels, for policies.
	Labels map[string]string
	// Owner is the item's owner, for policies.
	Owner string
	// ContentType is the media type of the value. Default: not known.
	ContentType string
	// SizeBytes is the size of the value. Default: not known.
	SizeBytes *uint64
}

// ListPage is a page of keys.
type ListPage struct {
	// Entries are the entries; at most PageSize.
	Entries []ListEntry
	// NextPageToken is where the next page begins. Empty: this is the last page.
	NextPageToken string
}

// Scope says among whom a cached value may be shared.
type Scope string

// The scopes.
const (
	// ScopeTenant: all principals of a tenant.
	ScopeTenant Scope = "tenant"
	// ScopePrincipal: one principal.
	ScopePrincipal Scope = "principal"
	// ScopeNone: nobody, never cached.
	ScopeNone Scope = "none"
)

// SchemaCheck says what routers do with values that break the schema of their type.
type SchemaCheck string

// The checks.
const (
	// CheckNone: values are not checked.
	CheckNone SchemaCheck = "none"
	// CheckScore: breaking the schema lowers the quality.
	CheckScore SchemaCheck = "score"
	// CheckRequire: values that break the schema are refused.
	CheckRequire SchemaCheck = "require"
)

// KeyTemplate is a form of keys that a provider has.
type KeyTemplate struct {
	// Template is the form: a URI template (RFC 6570, levels 1 to 3), such as "page/{id}".
	Template string
	// Name is unique in the context.
	Name string
	// Title is what people call it.
	Title string
	// Description says what such keys stand for.
	Description string
	// ContentType is the media type of the values, when all have one.
	ContentType string
}

// Context is a context type that a provider offers, and how it gets the values.
type Context struct {
	// Type is the name of the context type, such as "DocChunk".
	Type string
	// Version is the version of the type that the values conform to, semver.
	Version string
	// Schema is the JSON Schema (2020-12) of the values, as JSON. Given for a type of your own, it is
	// published before the provider is registered; left out for built-in types and types published elsewhere.
	Schema string
	// Title is what people call the type; used when it is published.
	Title string
	// KeyPrefix: the provider has only keys that begin with it. Default: any key.
	KeyPrefix string
	// Scope says among whom a cached value may be shared. Default: ScopeTenant, or ScopePrincipal when the
	// provider is told of the principal.
	Scope Scope
	// TTL is how long a value stays true when it does not say. Default: not cached.
	TTL time.Duration
	// StaleWhileRevalidate is how long past that it may be served while it is refreshed. Default: 0.
	StaleWhileRevalidate time.Duration
	// NegativeTTL is how long the absence of a key may be remembered. Default: 1 s; negative: not at all.
	NegativeTTL time.Duration
	// Sensitivity is how sensitive values are when they do not say. Default: weir.Internal.
	Sensitivity weir.Sensitivity
	// SchemaCheck says what routers do with values that break the schema of the type. Default: CheckNone.
	SchemaCheck SchemaCheck
	// CompleteFields is what a complete value has: JSON Pointers to fields that are neither absent, null nor
	// empty; at most 64. Default: those that the schema requires at its top, when values are checked.
	CompleteFields []string
	// KeyTemplates are forms of the keys, for who looks for one; at most 100. Default: none are told.
	KeyTemplates []KeyTemplate
	// Fetch gets one value.
	Fetch FetchFunc
	// FetchMany gets many values at once, for sources that can; the answers stand in the order of the queries.
	// In place of Fetch.
	FetchMany func(ctx context.Context, queries []Query) ([]Answer, error)
	// List lists keys. Left out: the type cannot be listed.
	List func(ctx context.Context, query ListQuery) (ListPage, error)
}

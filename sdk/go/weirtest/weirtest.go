// Package weirtest tests providers in memory, with no server and no Weir. What is asked and answered passes
// through the real encoding.
package weirtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/weir/weir-go"
	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	pipeBytes       = 1 << 20
	pageSizeDefault = 50
)

// Provider is a provider under test, as a router sees it.
type Provider struct {
	// Client has the provider's own methods, message by message.
	Client providerv1.ProviderServiceClient

	mu     sync.Mutex
	faults []Fault
}

// Fault is an error that callers learned nothing of.
type Fault struct {
	// What names the place, such as "Ticket/1".
	What string
	// Err is what the provider's function returned.
	Err error
}

// Options say how a provider under test is asked.
type Options struct {
	// KnownEtag is the etag that the router is said to hold. Default: none.
	KnownEtag string
	// TypeVersion is the version of the type. Default: the one offered.
	TypeVersion string
	// Caller says for whom. Default: tenant "test", no principal, no attributes.
	Caller provider.Caller
}

// Content is a value as a router receives it.
type Content struct {
	// Bytes is the value.
	Bytes []byte
	// ContentType is its media type.
	ContentType string
	// Etag is the tag of this state of the value.
	Etag string
	// AsOf is when this was the value. Zero: not told.
	AsOf time.Time
	// TTL is how long it stays true. Nil: as the manifest says.
	TTL *time.Duration
	// Sensitivity is how sensitive it is. Empty: as the manifest says.
	Sensitivity weir.Sensitivity
	// Quality is how good it is, from 0 to 1. Nil: not judged.
	Quality *float64
	// Source is the place within the source.
	Source string
	// Labels describe it.
	Labels map[string]string
	// Owner owns it.
	Owner string
}

// JSON parses the value into what the argument points to, as json.Unmarshal does.
func (c *Content) JSON(into any) error { return json.Unmarshal(c.Bytes, into) }

// Value returns the value: parsed when it is JSON, a string when it is text, else its bytes.
func (c *Content) Value() (any, error) { return payload.Parse(c.ContentType, c.Bytes) }

// Outcome is what a router receives for a query: one of the fields is set.
type Outcome struct {
	// Content is the value.
	Content *Content
	// NotModified says that the value with the known etag still holds.
	NotModified bool
	// NotFound says that there is no such key.
	NotFound bool
	// Failure says why it could not be had.
	Failure *weir.Refusal
}

// Open opens a provider in memory until the test ends. It ends the test when the declaration has faults.
// Errors of the provider's functions that callers learn nothing of are logged, and kept for Faults.
func Open(t testing.TB, under *provider.Provider) *Provider {
	t.Helper()
	opened := &Provider{}
	service, err := provider.NewService(under, func(what string, err error) {
		opened.mu.Lock()
		defer opened.mu.Unlock()
		opened.faults = append(opened.faults, Fault{what, err})
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := bufconn.Listen(pipeBytes)
	server := grpc.NewServer()
	providerv1.RegisterProviderServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	dial := func(context.Context, string) (net.Conn, error) { return listener.Dial() }
	conn, err := grpc.Dial("passthrough:///memory", grpc.WithInsecure(), grpc.WithContextDialer(dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		for _, fault := range opened.Faults() {
			t.Logf("provider failed at %s: %v", fault.What, fault.Err)
		}
	})
	opened.Client = providerv1.NewProviderServiceClient(conn)
	return opened
}

// Faults returns the errors that callers learned nothing of, in the order in which they came. One may come a
// moment later than its outcome.
func (p *Provider) Faults() []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Fault{}, p.faults...)
}

// Fetch fetches one value. It fails with a *weir.ItemRefused when there is no such key or the provider failed,
// and with the error of gRPC when the call did. Nil options are the defaults.
func (p *Provider) Fetch(ctx context.Context, typeName, key string, options *Options) (*Content, error) {
	outcome, err := p.Query(ctx, typeName, key, options)
	if err != nil {
		return nil, err
	}
	refused := &weir.ItemRefused{Ref: weir.Ref{Type: typeName, Key: key}}
	switch {
	case outcome.Content != nil:
		return outcome.Content, nil
	case outcome.NotFound:
		text := "the provider has no item with this key"
		refused.Refusal = weir.Refusal{Code: codes.NotFound, Reason: "KEY_NOT_FOUND", Text: text}
	case outcome.NotModified:
		text := "the value has not changed: ask without KnownEtag, or with Query"
		refused.Refusal = weir.Refusal{Code: codes.FailedPrecondition, Text: text}
	default:
		refused.Refusal = *outcome.Failure
	}
	return nil, refused
}

// Query fetches one value and says what became of it, whatever it is.
func (p *Provider) Query(ctx context.Context, typeName, key string, options *Options) (*Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	given := completed(options)
	caller, err := callerOf(given.Caller)
	if err != nil {
		return nil, err
	}
	query := &providerv1.FetchQuery{
		Type: typeName, TypeVersion: given.TypeVersion, Key: key, KnownEtag: given.KnownEtag,
	}
	stream, err := p.Client.Fetch(ctx, &providerv1.FetchRequest{
		Queries: []*providerv1.FetchQuery{query}, Caller: caller,
	})
	if err != nil {
		return nil, err
	}
	return readOutcome(stream)
}

// readOutcome reads the one result of a call; a value that comes in parts is put together.
func readOutcome(stream providerv1.ProviderService_FetchClient) (*Outcome, error) {
	var content *providerv1.Content
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the provider gave no result")
		}
		if err != nil {
			return nil, err
		}
		for _, result := range message.Results {
			switch outcome := result.Outcome.(type) {
			case *providerv1.FetchResult_Content:
				content = outcome.Content
			case *providerv1.FetchResult_Part:
				content.Payload = append(content.Payload, outcome.Part.Data...)
			case *providerv1.FetchResult_NotModified:
				return &Outcome{NotModified: true}, nil
			case *providerv1.FetchResult_NotFound:
				return &Outcome{NotFound: true}, nil
			case *providerv1.FetchResult_Failure:
				return &Outcome{Failure: refusalOf(outcome.Failure)}, nil
			}
			if content != nil && uint64(len(content.Payload)) >= content.TotalBytes {
				return &Outcome{Content: contentOf(content)}, nil
			}
		}
	}
}

func contentOf(from *providerv1.Content) *Content {
	content := &Content{
		Bytes: from.Payload, ContentType: from.ContentType, Etag: from.Etag, AsOf: wire.TimeOf(from.AsOf),
		Sensitivity: weir.Sensitivity(wire.SensitivityName(from.Sensitivity)), Quality: from.Quality,
		Source: from.Source, Labels: from.Labels, Owner: from.Owner,
	}
	if from.Ttl != nil {
		ttl := from.Ttl.AsDuration()
		content.TTL = &ttl
	}
	return content
}

func refusalOf(failure *providerv1.Failure) *weir.Refusal {
	return &weir.Refusal{
		Code: codes.Code(failure.Code), Reason: "PROVIDER_FAILED", Text: failure.Text,
		CanRetry: failure.RetryDelay != nil, RetryDelay: failure.RetryDelay.AsDuration(),
	}
}

// List lists a page of keys of a type; 50 entries unless the query says otherwise. It fails with the error of
// gRPC when the type cannot be listed or the provider failed.
func (p *Provider) List(ctx context.Context, typeName string, query provider.ListQuery) (*providerv1.ListResponse, error) {
	caller, err := callerOf(completed(&Options{Caller: query.Caller}).Caller)
	if err != nil {
		return nil, err
	}
	if query.PageSize == 0 {
		query.PageSize = pageSizeDefault
	}
	return p.Client.List(ctx, &providerv1.ListRequest{
		Type: typeName, KeyPrefix: query.KeyPrefix, Query: query.Text, PageSize: int32(query.PageSize),
		PageToken: query.PageToken, Caller: caller,
	})
}

func completed(options *Options) Options {
	var whole Options
	if options != nil {
		whole = *options
	}
	if whole.Caller.Tenant == "" {
		whole.Caller.Tenant = "test"
	}
	return whole
}

func callerOf(caller provider.Caller) (*providerv1.Caller, error) {
	attributes, err := structpb.NewStruct(caller.Attributes)
	if err != nil {
		return nil, fmt.Errorf("the caller's attributes have no JSON: %w", err)
	}
	return &providerv1.Caller{Tenant: caller.Tenant, Principal: caller.Principal, Attributes: attributes}, nil
}

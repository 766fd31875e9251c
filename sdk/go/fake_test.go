package weir

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	errorsv1 "github.com/weir/weir-go/gen/weir/errors/v1"
	eventsv1 "github.com/weir/weir-go/gen/weir/events/v1"
	registryv1 "github.com/weir/weir-go/gen/weir/registry/v1"
	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	toolsv1 "github.com/weir/weir-go/gen/weir/tools/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// patience is what a test waits for what has to come, also on a busy machine.
const patience = 60 * time.Second

// fakeWeir answers as its functions say.
type fakeWeir struct {
	routerv1.UnimplementedRouterServiceServer
	eventsv1.UnimplementedEventServiceServer
	toolsv1.UnimplementedToolServiceServer
	registryv1.UnimplementedRegistryServiceServer

	fetch     func(context.Context, *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error)
	stream    func(*routerv1.StreamContextRequest, routerv1.RouterService_StreamContextServer) error
	list      func(*routerv1.ListContextRequest) (*routerv1.ListContextResponse, error)
	publish   func(*eventsv1.PublishRequest) (*eventsv1.PublishResponse, error)
	subscribe func(*eventsv1.SubscribeRequest, eventsv1.EventService_SubscribeServer) error
	call      func(*toolsv1.CallToolRequest, toolsv1.ToolService_CallToolServer) error
	register  func() error

	mu    sync.Mutex
	calls int
	md    metadata.MD
}

func (f *fakeWeir) count(ctx context.Context) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.md, _ = metadata.FromIncomingContext(ctx)
	f.calls++
	return f.calls
}

func (f *fakeWeir) counted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *fakeWeir) FetchContext(ctx context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
	f.count(ctx)
	return f.fetch(ctx, request)
}

func (f *fakeWeir) StreamContext(request *routerv1.StreamContextRequest, stream routerv1.RouterService_StreamContextServer) error {
	f.count(stream.Context())
	return f.stream(request, stream)
}

func (f *fakeWeir) ListContext(ctx context.Context, request *routerv1.ListContextRequest) (*routerv1.ListContextResponse, error) {
	f.count(ctx)
	return f.list(request)
}

func (f *fakeWeir) Publish(ctx context.Context, request *eventsv1.PublishRequest) (*eventsv1.PublishResponse, error) {
	f.count(ctx)
	return f.publish(request)
}

func (f *fakeWeir) Subscribe(request *eventsv1.SubscribeRequest, stream eventsv1.EventService_SubscribeServer) error {
	f.count(stream.Context())
	return f.subscribe(request, stream)
}

func (f *fakeWeir) CallTool(request *toolsv1.CallToolRequest, stream toolsv1.ToolService_CallToolServer) error {
	f.count(stream.Context())
	return f.call(request, stream)
}

func (f *fakeWeir) RegisterProvider(ctx context.Context, _ *registryv1.RegisterProviderRequest) (*registryv1.RegisterProviderResponse, error) {
	f.count(ctx)
	return &registryv1.RegisterProviderResponse{}, f.register()
}

// serveFake serves it until the test ends, and returns its address.
func serveFake(t *testing.T, fake *fakeWeir, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	routerv1.RegisterRouterServiceServer(server, fake)
	eventsv1.RegisterEventServiceServer(server, fake)
	toolsv1.RegisterToolServiceServer(server, fake)
	registryv1.RegisterRegistryServiceServer(server, fake)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

func openClient(t *testing.T, options Options) *Client {
	t.Helper()
	if options.Key == "" {
		options.Key = "weir_test"
	}
	if options.Timeout == 0 {
		options.Timeout = patience
	}
	client, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// openFake serves a fake and opens a client of it.
func openFake(t *testing.T, fake *fakeWeir) *Client {
	t.Helper()
	return openClient(t, Options{URL: serveFake(t, fake)})
}

func itemResult(index int, value string) *contextv1.ItemResult {
	return &contextv1.ItemResult{
		Index:   uint32(index),
		Outcome: &contextv1.ItemResult_Item{Item: &contextv1.Item{Body: &contextv1.Item_Payload{Payload: []byte(value)}}},
		Cache:   contextv1.CacheStatus_CACHE_STATUS_HIT_MEMORY,
	}
}

func refusalResult(index int, code codes.Code, reason errorsv1.Reason) *contextv1.ItemResult {
	refusal := &contextv1.Refusal{Code: uint32(code), Reason: reason, Text: "refused"}
	return &contextv1.ItemResult{Index: uint32(index), Outcome: &contextv1.ItemResult_Refusal{Refusal: refusal}}
}

// echo answers each ref with its key, as JSON.
func echo(_ context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
	answer := &routerv1.FetchContextResponse{}
	for index, ref := range request.Refs {
		answer.Results = append(answer.Results, itemResult(index, `"`+ref.Key+`"`))
	}
	return answer, nil
}

var errAway = status.Error(codes.Unavailable, "away")

func background(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func refsLike(count int) []Ref {
	refs := make([]Ref, count)
	for at := range refs {
		refs[at] = Ref{Type: "Probe", Key: string(rune('a' + at%26))}
	}
	return refs
}

package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir/weir-go"
	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	registryv1 "github.com/weir/weir-go/gen/weir/registry/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// fakeRegistry keeps what is registered, and refuses what it is told to.
type fakeRegistry struct {
	registryv1.UnimplementedRegistryServiceServer

	mu sync.Mutex
	// said has what was called, in its order.
	said []string
	// refuse has the errors of methods.
	refuse map[string]error
	epoch  string
	lease  time.Duration
	// unknown says that the lease is forgotten.
	unknown bool
	url     string
	token   string
}

func (r *fakeRegistry) say(method, what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if method != "heartbeat" {
		r.said = append(r.said, strings.TrimSpace(method+" "+what))
	}
	return r.refuse[method]
}

func (r *fakeRegistry) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *fakeRegistry) heard() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.said, ", ")
}

func (r *fakeRegistry) PublishType(_ context.Context, request *registryv1.PublishTypeRequest) (*registryv1.PublishTypeResponse, error) {
	return &registryv1.PublishTypeResponse{}, r.say("type", request.GetManifest().Name)
}

func (r *fakeRegistry) RegisterProvider(_ context.Context, request *registryv1.RegisterProviderRequest) (*registryv1.RegisterProviderResponse, error) {
	return &registryv1.RegisterProviderResponse{}, r.say("provider", request.GetManifest().Name)
}

func (r *fakeRegistry) GetProvider(context.Context, *registryv1.GetProviderRequest) (*registryv1.GetProviderResponse, error) {
	return &registryv1.GetProviderResponse{Provider: &registryv1.Provider{Etag: "etag"}}, r.say("get", "")
}

func (r *fakeRegistry) UpdateProvider(_ context.Context, request *registryv1.UpdateProviderRequest) (*registryv1.UpdateProviderResponse, error) {
	return &registryv1.UpdateProviderResponse{}, r.say("update", request.Etag)
}

func (r *fakeRegistry) RegisterEndpoint(_ context.Context, request *registryv1.RegisterEndpointRequest) (*registryv1.RegisterEndpointResponse, error) {
	err := r.say("endpoint", "")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.url, r.unknown = request.Endpoint.Url, false
	return &registryv1.RegisterEndpointResponse{
		Endpoint: &registryv1.Endpoint{Id: "e-1"}, Lease: durationpb.New(r.lease), Epoch: r.epoch,
	}, err
}

func (r *fakeRegistry) Heartbeat(_ context.Context, request *registryv1.HeartbeatRequest) (*registryv1.HeartbeatResponse, error) {
	err := r.say("heartbeat", "")
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := &registryv1.HeartbeatResponse{Lease: durationpb.New(r.lease), Epoch: r.epoch}
	if r.unknown {
		answer.UnknownEndpointIds = request.EndpointIds
	}
	return answer, err
}

func (r *fakeRegistry) DeregisterEndpoint(_ context.Context, request *registryv1.DeregisterEndpointRequest) (*registryv1.DeregisterEndpointResponse, error) {
	return &registryv1.DeregisterEndpointResponse{}, r.say("leave", fmt.Sprint(request.EndpointId, " ", request.Drain))
}

// openRegistry serves a registry until the test ends.
func openRegistry(t *testing.T) (*fakeRegistry, ServeOptions) {
	t.Helper()
	registry := &fakeRegistry{refuse: map[string]error{}, epoch: "one", lease: 60 * time.Millisecond}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	registryv1.RegisterRegistryServiceServer(server, registry)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return registry, ServeOptions{
		Weir:    weir.Options{URL: "http://" + listener.Addr().String(), Key: "weir_test"},
		OnEvent: func(Event) {},
	}
}

func start(t *testing.T, provider *Provider, options ServeOptions) *Running {
	t.Helper()
	running, err := Start(background(t), provider, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	return running
}

func refusal(code codes.Code, reason string) error {
	refused, _ := status.New(code, "refused").WithDetails(&errdetails.ErrorInfo{Domain: "weir", Reason: "REASON_" + reason})
	return refused.Err()
}

const registeredOnce = "type Ticket, provider helpdesk, endpoint"

func TestAProviderRegistersAndLeaves(t *testing.T) {
	registry, options := openRegistry(t)
	var mu sync.Mutex
	var kinds []EventKind
	options.OnEvent = func(event Event) {
		mu.Lock()
		defer mu.Unlock()
		kinds = append(kinds, event.Kind)
	}
	running := start(t, helpdesk(), options)
	if registry.heard() != registeredOnce || registry.url != running.URL() {
		t.Error(registry.heard(), registry.url, running.URL())
	}
	running.Close()
	running.Close()
	if want := registeredOnce + ", leave e-1 true, leave e-1 false"; registry.heard() != want {
		t.Error(registry.heard())
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(kinds) != "[registered draining closed]" {
		t.Error(kinds)
	}
}

func TestAForgottenProviderRegistersAgain(t *testing.T) {
	registry, options := openRegistry(t)
	start(t, helpdesk(), options)
	// The same installation remembers the rest.
	registry.set(func() { registry.unknown = true })
	want := registeredOnce + ", endpoint"
	eventually(t, func() bool { return registry.heard() == want })
	// Another one knows nothing.
	registry.set(func() { registry.unknown, registry.epoch = true, "two" })
	want += ", " + registeredOnce
	eventually(t, func() bool { return registry.heard() == want })
}

func TestALostHeartbeatIsNotTheEnd(t *testing.T) {
	registry, options := openRegistry(t)
	events := make(chan EventKind, 100)
	options.OnEvent = func(event Event) { events <- event.Kind }
	start(t, helpdesk(), options)
	until := func(want EventKind) {
		t.Helper()
		for kind := range events {
			if kind == want {
				return
			}
		}
	}
	registry.set(func() { registry.refuse["heartbeat"] = status.Error(codes.Unavailable, "away") })
	until(HeartbeatFailed)
	registry.set(func() { delete(registry.refuse, "heartbeat") })
	until(HeartbeatRecovered)
	registry.set(func() { registry.refuse["heartbeat"] = refusal(codes.NotFound, "LEASE_UNKNOWN") })
	until(Reregistered)
	registry.set(func() { delete(registry.refuse, "heartbeat") })
}

func TestAProviderWaitsForWeir(t *testing.T) {
	registry, options := openRegistry(t)
	registry.refuse["provider"] = status.Error(codes.Unavailable, "not up yet")
	failed := make(chan Event, 100)
	options.OnEvent = func(event Event) { failed <- event }
	go func() {
		if event := <-failed; event.Kind != RegisterFailed || event.Err == nil {
			t.Error(event)
		}
		registry.set(func() { delete(registry.refuse, "provider") })
	}()
	start(t, helpdesk(), options)
}

func TestAProviderThatIsRefusedForGoodEnds(t *testing.T) {
	for method, each := range map[string]struct {
		err  error
		want string
	}{
		"provider": {refusal(codes.AlreadyExists, "ALREADY_EXISTS"), "set Replace"},
		"type":     {refusal(codes.FailedPrecondition, "BUILT_IN"), "drop Schema of Ticket"},
		"endpoint": {refusal(codes.Unauthenticated, "CREDENTIAL_INVALID"), "CREDENTIAL_INVALID"},
	} {
		registry, options := openRegistry(t)
		registry.refuse[method] = each.err
		err := Serve(background(t), helpdesk(), options)
		var refused *weir.CallError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), each.want) {
			t.Error(method, err)
		}
	}
}

func TestAnotherManifestIsReplacedWhereThatIsAskedFor(t *testing.T) {
	registry, options := openRegistry(t)
	registry.refuse["provider"] = refusal(codes.AlreadyExists, "ALREADY_EXISTS")
	options.Replace = true
	start(t, helpdesk(), options)
	if want := "type Ticket, provider helpdesk, get, update etag, endpoint"; registry.heard() != want {
		t.Error(registry.heard())
	}
}

func TestAProviderCanBecomeAnother(t *testing.T) {
	registry, options := openRegistry(t)
	running := start(t, helpdesk(), options)
	other := withFetch(func(context.Context, Query) (*Content, error) { return &Content{Value: 2}, nil })
	if err := running.Update(background(t), other); err != nil || running.current() != other {
		t.Error(err)
	}
	registry.set(func() { registry.refuse["update"] = refusal(codes.InvalidArgument, "INVALID_MANIFEST") })
	if err := running.Update(background(t), helpdesk()); status.Code(err) != codes.InvalidArgument || running.current() != other {
		t.Error(err)
	}
	renamed := helpdesk()
	renamed.Version = "2.0.0"
	if err := running.Update(background(t), renamed); err == nil {
		t.Error("another version is taken")
	}
}

func TestWhatIsUnderWayIsAnsweredFirst(t *testing.T) {
	registry, options := openRegistry(t)
	began, finish := make(chan struct{}), make(chan struct{})
	running := start(t, withFetch(func(context.Context, Query) (*Content, error) {
		close(began)
		<-finish
		return &Content{Value: "last"}, nil
	}), options)
	conn, err := grpc.Dial(strings.TrimPrefix(running.URL(), "http://"), grpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := providerv1.NewProviderServiceClient(conn).Fetch(background(t), queriesOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	<-began
	go running.Close()
	draining := registeredOnce + ", leave e-1 true"
	eventually(t, func() bool { return registry.heard() == draining })
	select {
	case <-running.Done():
		t.Fatal("it did not wait")
	case <-time.After(200 * time.Millisecond):
	}
	if registry.heard() != draining {
		t.Error("it left too early:", registry.heard())
	}
	close(finish)
	if message, err := stream.Recv(); err != nil || string(message.Results[0].GetContent().GetPayload()) != "last" {
		t.Error(message, err)
	}
	<-running.Done()
}

func TestADrainHasAnEnd(t *testing.T) {
	_, options := openRegistry(t)
	options.Drain = -1
	began := make(chan struct{})
	running := start(t, withFetch(func(ctx context.Context, _ Query) (*Content, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	}), options)
	conn, err := grpc.Dial(strings.TrimPrefix(running.URL(), "http://"), grpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := providerv1.NewProviderServiceClient(conn).Fetch(background(t), queriesOf("a")); err != nil {
		t.Fatal(err)
	}
	<-began
	running.Close()
}

func TestServeEndsWithItsContext(t *testing.T) {
	registry, options := openRegistry(t)
	ctx, cancel := context.WithCancel(background(t))
	options.OnEvent = func(event Event) {
		if event.Kind == Registered {
			cancel()
		}
	}
	if err := Serve(ctx, helpdesk(), options); err != nil {
		t.Error(err)
	}
	if !strings.HasSuffix(registry.heard(), "leave e-1 false") {
		t.Error(registry.heard())
	}
}

func TestServeRefusesWhatCannotBeRight(t *testing.T) {
	_, options := openRegistry(t)
	for want, change := range map[string]func(*ServeOptions){
		"give PublicURL too":       func(o *ServeOptions) { o.Host = "0.0.0.0" },
		"not an http or https URL": func(o *ServeOptions) { o.PublicURL = "ftp://x" },
		"is not http or https":     func(o *ServeOptions) { o.Weir.URL = "ftp://x" },
		"listen tcp":               func(o *ServeOptions) { o.Host = "192.0.2.1" },
	} {
		changed := options
		change(&changed)
		if _, err := Start(background(t), helpdesk(), changed); err == nil || !strings.Contains(err.Error(), want) {
			t.Error(want, err)
		}
	}
	if _, err := Start(background(t), &Provider{}, options); err == nil {
		t.Error("a faulty provider is served")
	}
}

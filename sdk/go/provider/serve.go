package provider

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/weir/weir-go"
	registryv1 "github.com/weir/weir-go/gen/weir/registry/v1"
)

const (
	defaultDrain = 10 * time.Second
	// farewellTimeout is how long Weir may take to answer when the provider stops; it may itself be gone.
	farewellTimeout = 2 * time.Second
)

// ServeOptions say where a provider is served, and which Weir it registers with.
type ServeOptions struct {
	// Weir says how to reach Weir, with a key that may register providers. Default: as the variables WEIR_URL
	// and WEIR_KEY of the environment say.
	Weir weir.Options
	// Host is the address to listen on. Default: 127.0.0.1.
	Host string
	// Port is the port to listen on. Default: 0, any free one.
	Port int
	// PublicURL is the address that routers are told. Default: http://<Host>:<port>.
	PublicURL string
	// Replace says whether to replace another manifest under the same name and version. Default: no.
	Replace bool
	// Token is a bearer token that routers must send. They resolve it from the provider's Bearer reference.
	// Default: none is required.
	Token string
	// Drain is how long calls under way may take to end when the provider stops. Default: 10 s; negative: no
	// time at all.
	Drain time.Duration
	// OnEvent is told of what happens, errors of your functions included, by several goroutines. Default: those
	// errors are logged, and all else is silent.
	OnEvent func(Event)
}

// Running is a provider that is served and registered.
type Running struct {
	server       *server
	client       *weir.Client
	registry     registryv1.RegistryServiceClient
	registration *registration
	url          string
	drain        time.Duration
	onEvent      func(Event)
	stop         context.CancelFunc
	// stopped is closed when the registration sends nothing any more.
	stopped chan struct{}
	closing sync.Once
	done    chan struct{}

	mu      sync.Mutex
	serving *Provider
}

// Serve serves a provider until the context is done, then drains and returns nil: routers are told to go
// elsewhere, and calls under way are answered first. It publishes types that bring a schema, registers the
// manifest and the address, renews the lease, and registers all of it again when Weir has forgotten it. Weir
// need not be up yet: it is tried until it is there. The provider must not be changed any more.
//
// It fails with a *weir.CallError when Weir refuses for good: a faulty manifest, a wrong key, other content
// under the same name and version without Replace; and with another error when an option cannot be right or
// the address cannot be listened on.
func Serve(ctx context.Context, provider *Provider, options ServeOptions) error {
	running, err := Start(ctx, provider, options)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	<-ctx.Done()
	running.Close()
	return nil
}

// Start serves a provider as Serve does, and returns once it is registered. It is served until Close; the
// context counts for the start alone.
func Start(ctx context.Context, provider *Provider, options ServeOptions) (*Running, error) {
	if err := provider.Validate(); err != nil {
		return nil, err
	}
	options = options.complete()
	if err := options.check(); err != nil {
		return nil, err
	}
	client, err := weir.New(options.Weir)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(options.Host, strconv.Itoa(options.Port)))
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	running := newRunning(provider, options, client, listener)
	if err := running.untilRegistered(ctx); err != nil {
		running.Close()
		return nil, err
	}
	return running, nil
}

func (o ServeOptions) complete() ServeOptions {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Drain == 0 {
		o.Drain = defaultDrain
	}
	if o.OnEvent == nil {
		o.OnEvent = logFaults
	}
	// What is not answered is tried again by the registration itself.
	o.Weir.Timeout, o.Weir.Retries = registryTimeout, -1
	return o
}

func (o ServeOptions) check() error {
	if o.PublicURL == "" {
		if address := net.ParseIP(o.Host); address != nil && address.IsUnspecified() {
			return fmt.Errorf("provider: Host %s is no address to be called at: give PublicURL too", o.Host)
		}
		return nil
	}
	address, err := url.Parse(o.PublicURL)
	if err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Host == "" {
		return fmt.Errorf("provider: PublicURL %q is not an http or https URL", o.PublicURL)
	}
	return nil
}

func newRunning(provider *Provider, options ServeOptions, client *weir.Client, listener net.Listener) *Running {
	r := &Running{
		client:   client,
		registry: registryv1.NewRegistryServiceClient(client.Conn()),
		url:      options.PublicURL,
		drain:    options.Drain,
		onEvent:  options.OnEvent,
		stopped:  make(chan struct{}),
		done:     make(chan struct{}),
		serving:  provider,
	}
	if r.url == "" {
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		r.url = "http://" + net.JoinHostPort(options.Host, port)
	}
	r.server = newServer(r.current, options.Token, func(what string, err error) {
		r.onEvent(Event{Kind: FetchFailed, Text: what, Err: err})
	})
	r.registration = &registration{
		current: r.current, registry: r.registry, url: r.url, replace: options.Replace, onEvent: r.onEvent,
		first: make(chan error, 1),
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { _ = r.server.serve(listener) }()
	go func() {
		defer close(r.stopped)
		r.registration.run(ctx)
	}()
	return r
}

func (r *Running) untilRegistered(ctx context.Context) error {
	select {
	case err := <-r.registration.first:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// URL returns the address that routers are told.
func (r *Running) URL() string { return r.url }

// Done is closed once the provider has stopped.
func (r *Running) Done() <-chan struct{} { return r.done }

// Update offers something else from now on: another manifest under the same name and version. When Weir
// refuses the manifest, it fails with a *weir.CallError, and calls are answered as before.
func (r *Running) Update(ctx context.Context, provider *Provider) error {
	if err := provider.Validate(); err != nil {
		return err
	}
	before := r.current()
	if provider.Name != before.Name || provider.Version != before.Version {
		return errors.New("provider: name and version stay: serve another provider apart")
	}
	r.swap(before, provider)
	err := r.registration.update(ctx)
	if err != nil {
		// Unless it was changed again meanwhile.
		r.swap(provider, before)
	}
	return err
}

func (r *Running) current() *Provider {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.serving
}

func (r *Running) swap(from, to *Provider) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.serving == from {
		r.serving = to
	}
}

// Close drains and stops: routers are told to go elsewhere, calls under way are answered first. It returns
// once it has stopped.
func (r *Running) Close() {
	r.closing.Do(r.end)
	<-r.done
}

// end goes in this order, so that no router is sent to an address that no longer answers.
func (r *Running) end() {
	defer close(r.done)
	r.stop()
	<-r.stopped
	r.server.stopServing()
	if r.registration.held != nil {
		r.onEvent(Event{Kind: Draining, Text: "no new calls are wanted"})
	}
	r.leave(true)
	r.server.idle(r.drain)
	r.leave(false)
	r.server.close()
	_ = r.client.Close()
	r.onEvent(Event{Kind: Closed, Text: "the provider has stopped"})
}

// leave tells Weir that the address drains, or is gone. Weir may be gone itself.
func (r *Running) leave(drain bool) {
	if r.registration.held == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewellTimeout)
	defer cancel()
	_, _ = r.registry.DeregisterEndpoint(ctx, &registryv1.DeregisterEndpointRequest{
		EndpointId: r.registration.held.endpointID, Drain: drain,
	})
}

func logFaults(event Event) {
	if event.Kind == FetchFailed {
		log.Printf("provider failed at %s: %v", event.Text, event.Err)
	}
}

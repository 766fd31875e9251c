package provider

import (
	"context"

	"github.com/weir/weir-go"
	registryv1 "github.com/weir/weir-go/gen/weir/registry/v1"
	"google.golang.org/grpc/codes"
)

// registerAll registers everything that Weir must know of, in an order that never dangles. Doing it again is
// safe.
func (r *registration) registerAll(ctx context.Context, what what) (*lease, error) {
	if what == everything {
		if err := r.registerTypes(ctx); err != nil {
			return nil, err
		}
		if err := r.registerManifest(ctx); err != nil {
			return nil, err
		}
	}
	return r.registerEndpoint(ctx)
}

func (r *registration) registerTypes(ctx context.Context) error {
	for _, manifest := range r.current().typeManifests() {
		request := &registryv1.PublishTypeRequest{Source: &registryv1.PublishTypeRequest_Manifest{Manifest: manifest}}
		if _, err := r.registry.PublishType(ctx, request); err != nil {
			return withAdvice(err, reasonBuiltIn, "drop Schema of "+manifest.Name)
		}
	}
	return nil
}

func (r *registration) registerManifest(ctx context.Context) error {
	manifest, err := r.current().Manifest()
	if err != nil {
		return err
	}
	source := &registryv1.RegisterProviderRequest_Manifest{Manifest: manifest}
	_, err = r.registry.RegisterProvider(ctx, &registryv1.RegisterProviderRequest{Source: source})
	if err == nil || failureOfCall(err).Code != codes.AlreadyExists {
		return err
	}
	if r.replace {
		return r.replaceManifest(ctx)
	}
	return withAdvice(err, failureOfCall(err).Reason, "raise its Version, or set Replace")
}

func (r *registration) replaceManifest(ctx context.Context) error {
	manifest, err := r.current().Manifest()
	if err != nil {
		return err
	}
	held, err := r.registry.GetProvider(ctx, &registryv1.GetProviderRequest{
		Name: manifest.Name, Version: manifest.Version,
	})
	if err != nil {
		return err
	}
	_, err = r.registry.UpdateProvider(ctx, &registryv1.UpdateProviderRequest{
		Source: &registryv1.UpdateProviderRequest_Manifest{Manifest: manifest},
		Etag:   held.GetProvider().GetEtag(),
	})
	return err
}

func (r *registration) registerEndpoint(ctx context.Context) (*lease, error) {
	provider := r.current()
	answer, err := r.registry.RegisterEndpoint(ctx, &registryv1.RegisterEndpointRequest{
		Provider: provider.Name, Version: provider.Version, Endpoint: &registryv1.EndpointSpec{Url: r.url},
	})
	if err != nil {
		return nil, err
	}
	if answer.Endpoint == nil || answer.Lease == nil {
		text := "Weir answered a registration without an endpoint or lease"
		return nil, &weir.CallError{Code: codes.Internal, Text: text}
	}
	return &lease{answer.Endpoint.Id, answer.Lease.AsDuration(), answer.Epoch}, nil
}

// update registers what the provider has become. When Weir has forgotten it, the next heartbeat finds out and
// registers what it then is.
func (r *registration) update(ctx context.Context) error {
	if err := r.registerTypes(ctx); err != nil {
		return err
	}
	if err := r.replaceManifest(ctx); err != nil {
		return err
	}
	provider := r.current()
	r.onEvent(Event{Kind: Updated, Text: provider.Name + "@" + provider.Version + " has another manifest"})
	return nil
}

// withAdvice adds to an error of a reason how to mend it.
func withAdvice(err error, reason weir.Reason, advice string) error {
	failure := failureOfCall(err)
	if failure.Reason != reason {
		return err
	}
	advised := *failure
	advised.Text += " (" + advice + ")"
	return &advised
}

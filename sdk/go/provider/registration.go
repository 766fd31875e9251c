package provider

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"time"

	"github.com/weir/weir-go"
	registryv1 "github.com/weir/weir-go/gen/weir/registry/v1"
	"github.com/weir/weir-go/internal/backoff"
	"google.golang.org/grpc/codes"
)

// EventKind says what happened to a served provider.
type EventKind string

// What happens to a served provider.
const (
	Registered         EventKind = "registered"
	Reregistered       EventKind = "reregistered"
	Updated            EventKind = "updated"
	Deregistered       EventKind = "deregistered"
	RegisterFailed     EventKind = "register-failed"
	HeartbeatFailed    EventKind = "heartbeat-failed"
	HeartbeatRecovered EventKind = "heartbeat-recovered"
	Draining           EventKind = "draining"
	Closed             EventKind = "closed"
	FetchFailed        EventKind = "fetch-failed"
)

// Event is something that happened to a served provider.
type Event struct {
	// Kind is what.
	Kind EventKind
	// Text says it for people.
	Text string
	// Err is what caused it. Nil when nothing went wrong.
	Err error
}

const (
	// registryTimeout is how long Weir may take to answer one call.
	registryTimeout  = 5 * time.Second
	heartbeatTimeout = time.Second
	reasonBuiltIn    = weir.Reason("BUILT_IN")
	reasonNoLease    = weir.Reason("LEASE_UNKNOWN")
)

var registerBackoff = backoff.Backoff{First: 250 * time.Millisecond, Max: 10 * time.Second}

// registration registers a provider, and keeps it registered until its context is done.
type registration struct {
	// current is the provider as it is at the moment; its name and version stay.
	current  func() *Provider
	registry registryv1.RegistryServiceClient
	// url is the address that routers are told.
	url string
	// replace says whether another manifest under the same name and version is replaced.
	replace bool
	onEvent func(Event)
	// first is told once: nil when it is registered for the first time, or why it is refused for good.
	first chan error
	// held is the lease; nil: it was never registered.
	held *lease
}

type lease struct {
	endpointID string
	lasts      time.Duration
	// epoch is the installation that gave it.
	epoch string
}

// what is to be registered: only the endpoint when Weir remembers the rest, so that what somebody
// deregistered stays so.
type what int

const (
	everything what = iota
	endpointOnly
)

// state is where a registration is. registering and waiting alternate until Weir takes it; live sends
// heartbeats; a forgotten lease leads back to registering; refused is the end, and only reached before the
// first success.
type state interface{ isState() }

type registering struct {
	attempt int
	what    what
}

type waiting struct {
	attempt int
	what    what
	delay   time.Duration
}

type live struct {
	lease *lease
	// failures counts the heartbeats that failed in a row.
	failures int
}

type refused struct{ err error }

func (registering) isState() {}
func (waiting) isState()     {}
func (live) isState()        {}
func (refused) isState()     {}

// run keeps the provider registered until the context is done, or Weir refuses it for good.
func (r *registration) run(ctx context.Context) {
	var now state = registering{}
	for ctx.Err() == nil {
		switch state := now.(type) {
		case registering:
			now = r.register(ctx, state)
		case waiting:
			wait := registerBackoff.Wait(state.attempt)
			if state.delay > wait {
				wait = state.delay
			}
			_ = backoff.Sleep(ctx, wait)
			now = registering{attempt: state.attempt + 1, what: state.what}
		case live:
			if backoff.Sleep(ctx, state.untilBeat()) == nil {
				now = r.heartbeat(ctx, state)
			}
		case refused:
			r.first <- state.err
			return
		}
	}
}

func (l live) untilBeat() time.Duration {
	beat := time.Duration(float64(l.lease.lasts) / 3 * (0.9 + rand.Float64()/10))
	if l.failures == 0 {
		return beat
	}
	if again := registerBackoff.Wait(l.failures - 1); again < beat {
		return again
	}
	return beat
}

func (r *registration) register(ctx context.Context, now registering) state {
	provider := r.current()
	name, isFirst := provider.Name+"@"+provider.Version, r.held == nil
	given, err := r.registerAll(ctx, now.what)
	if err == nil {
		kind := Reregistered
		if isFirst {
			kind = Registered
		}
		r.held = given
		r.onEvent(Event{Kind: kind, Text: fmt.Sprintf("%s is %s at %s", name, kind, r.url)})
		if isFirst {
			r.first <- nil
		}
		return live{lease: given}
	}
	if ctx.Err() != nil {
		return now
	}
	failure := failureOfCall(err)
	if now.what == endpointOnly && failure.Code == codes.NotFound {
		if now.attempt == 0 {
			text := name + " was deregistered; it is served again once somebody registers it"
			r.onEvent(Event{Kind: Deregistered, Text: text})
		}
	} else {
		r.onEvent(Event{Kind: RegisterFailed, Text: name + ": " + failure.Text, Err: err})
	}
	if isFirst && isPermanent(failure.Code) {
		return refused{err}
	}
	return waiting{now.attempt, now.what, failure.RetryDelay}
}

// failureOfCall is the CallError in an error; one that is none of Weir's is a fault that may pass.
func failureOfCall(err error) *weir.CallError {
	var failure *weir.CallError
	if errors.As(err, &failure) {
		return failure
	}
	return &weir.CallError{Code: codes.Unknown, Text: err.Error()}
}

func isPermanent(code codes.Code) bool {
	switch code {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented, codes.Unauthenticated:
		return true
	default:
		return false
	}
}

func (r *registration) heartbeat(ctx context.Context, now live) state {
	provider := r.current()
	name := provider.Name + "@" + provider.Version
	timeout := now.lease.lasts / 3
	if timeout < heartbeatTimeout {
		timeout = heartbeatTimeout
	}
	call, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := r.registry.Heartbeat(call, &registryv1.HeartbeatRequest{EndpointIds: []string{now.lease.endpointID}})
	if err != nil {
		failure := failureOfCall(err)
		if failure.Reason == reasonNoLease {
			return registering{}
		}
		if ctx.Err() == nil {
			r.onEvent(Event{Kind: HeartbeatFailed, Text: name + ": " + failure.Text, Err: err})
		}
		return live{now.lease, now.failures + 1}
	}
	if len(answer.UnknownEndpointIds) > 0 {
		if answer.Epoch != "" && answer.Epoch == now.lease.epoch {
			return registering{what: endpointOnly}
		}
		return registering{}
	}
	if now.failures > 0 {
		r.onEvent(Event{Kind: HeartbeatRecovered, Text: name + " is heard again"})
	}
	renewed := *now.lease
	if answer.Lease != nil {
		renewed.lasts = answer.Lease.AsDuration()
	}
	return live{lease: &renewed}
}

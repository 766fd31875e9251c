package weir

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/weir/weir-go/internal/backoff"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

var callBackoff = backoff.Backoff{First: 50 * time.Millisecond, Max: 2 * time.Second}

// callPolicy says how calls are made.
type callPolicy struct {
	key     string
	timeout time.Duration
	retries int
}

// callConn sends the key, gives every call a deadline, tries safe calls again within it, and fails with
// CallErrors only.
type callConn struct {
	addresses *addresses
	policy    callPolicy
	budget    retryBudget
}

var _ grpc.ClientConnInterface = (*callConn)(nil)

// endless is the option of a stream that lasts until its context is done.
type endless struct{ grpc.EmptyCallOption }

func (c *callConn) Invoke(ctx context.Context, method string, in, out any, options ...grpc.CallOption) error {
	ctx, cancel := withDeadline(ctx, c.policy.timeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		failure := c.try(ctx, method, in, out, options)
		if failure == nil {
			c.budget.succeeded()
			return nil
		}
		wait := longer(callBackoff.Wait(attempt), failure.RetryDelay)
		again := attempt < c.policy.retries && isPassing(failure) && isSafe(method, in) && inTime(ctx, wait)
		if !again || !c.budget.allows() || backoff.Sleep(ctx, wait) != nil {
			return failure
		}
	}
}

func (c *callConn) try(ctx context.Context, method string, in, out any, options []grpc.CallOption) *CallError {
	way := c.addresses.here()
	conn, err := way.conn()
	if err != nil {
		return callErrorOf(ctx, err)
	}
	var header, trailer metadata.MD
	options = append(append([]grpc.CallOption{}, options...), grpc.Header(&header), grpc.Trailer(&trailer))
	err = conn.Invoke(c.outgoing(ctx), method, in, out, options...)
	if err == nil {
		return nil
	}
	failure := callErrorOf(ctx, err, header, trailer)
	c.addresses.leave(way, failure)
	return failure
}

func (c *callConn) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	var cancel context.CancelFunc
	if isEndless(options) {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = withDeadline(ctx, c.policy.timeout)
	}
	way := c.addresses.here()
	conn, err := way.conn()
	if err != nil {
		cancel()
		return nil, callErrorOf(ctx, err)
	}
	stream, err := conn.NewStream(c.outgoing(ctx), desc, method, options...)
	if err != nil {
		failure := callErrorOf(ctx, err)
		c.addresses.leave(way, failure)
		cancel()
		return nil, failure
	}
	return &callStream{ClientStream: stream, conn: c, way: way, ctx: ctx, cancel: cancel}, nil
}

func (c *callConn) outgoing(ctx context.Context) context.Context {
	if c.policy.key == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.policy.key)
}

// callStream is a stream that fails with CallErrors only.
type callStream struct {
	grpc.ClientStream
	conn   *callConn
	way    *way
	ctx    context.Context
	cancel context.CancelFunc
}

func (s *callStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err == nil {
		return nil
	}
	defer s.cancel()
	if errors.Is(err, io.EOF) {
		return err
	}
	header, _ := s.ClientStream.Header()
	failure := callErrorOf(s.ctx, err, header, s.ClientStream.Trailer())
	s.conn.addresses.leave(s.way, failure)
	return failure
}

func isEndless(options []grpc.CallOption) bool {
	for _, option := range options {
		if _, is := option.(endless); is {
			return true
		}
	}
	return false
}

// isPassing says whether a failure is over when one comes back.
func isPassing(failure *CallError) bool {
	return failure.Code == codes.Unavailable || (failure.Code == codes.ResourceExhausted && failure.CanRetry)
}

// isSafe says whether a call does no harm when it is made twice. What has an idempotency key is done once,
// however often it is sent.
func isSafe(method string, in any) bool {
	if keyed, has := in.(interface{ GetIdempotencyKey() string }); has && keyed.GetIdempotencyKey() != "" {
		return true
	}
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return false
	}
	options, _ := found.Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
}

func inTime(ctx context.Context, wait time.Duration) bool {
	deadline, has := ctx.Deadline()
	return !has || time.Now().Add(wait).Before(deadline)
}

func longer(a, b time.Duration) time.Duration {
	if a > b {
		return a
	}
	return b
}

const retryTokens = 20

// retryBudget keeps retries from feeding an overload, as gRPC's retry throttling does: each failure takes
// a token, each success returns a tenth of one, and below half of the tokens nothing is retried.
type retryBudget struct {
	mu    sync.Mutex
	taken float64
}

func (b *retryBudget) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken -= 0.1
	if b.taken < 0 {
		b.taken = 0
	}
}

func (b *retryBudget) allows() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken < retryTokens {
		b.taken++
	}
	return b.taken < retryTokens/2
}

package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"strings"
	"sync"
	"time"

	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	serviceName = "weir.provider.v1.ProviderService"

	readMaxBytes         = 4 << 20
	writeMaxBytes        = 4<<20 + 1024
	callTimeoutMax       = 10 * time.Minute
	streamsPerConnection = 100
	connectionsMax       = 1_000
	headerMaxBytes       = 16 << 10
	windowBytes          = 1 << 20
	handshakeTimeout     = 10 * time.Second
	// Routers ping the connections that they keep; more often than this nobody has to.
	pingInterval = time.Second
	farewell     = time.Second
)

// server answers routers over clear-text HTTP/2.
type server struct {
	grpc   *grpc.Server
	health *health.Server
	token  string
	calls  callCount
}

// newServer makes a server of a provider and of gRPC health. A token is asked of routers unless it is "".
func newServer(current func() *Provider, token string, fault Fault) *server {
	s := &server{health: health.NewServer(), token: token}
	s.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(readMaxBytes),
		grpc.MaxSendMsgSize(writeMaxBytes),
		grpc.MaxConcurrentStreams(streamsPerConnection),
		grpc.MaxHeaderListSize(headerMaxBytes),
		grpc.InitialWindowSize(windowBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingInterval, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	)
	providerv1.RegisterProviderServiceServer(s.grpc, &service{current: current, fault: fault})
	healthv1.RegisterHealthServer(s.grpc, s.health)
	s.health.SetServingStatus(serviceName, healthv1.HealthCheckResponse_SERVING)
	return s
}

// serve answers until the server is closed.
func (s *server) serve(listener net.Listener) error {
	return s.grpc.Serve(netutil.LimitListener(listener, connectionsMax))
}

// stopServing tells those who ask for the health that no calls are wanted any more; calls are still answered.
func (s *server) stopServing() { s.health.Shutdown() }

// idle returns once no call is under way, and after so long at the latest.
func (s *server) idle(within time.Duration) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-s.calls.none():
	case <-timer.C:
	}
}

// close ends all connections, and with them the calls still under way.
func (s *server) close() {
	s.stopServing()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	select {
	case <-stopped:
	case <-time.After(farewell):
		s.grpc.Stop()
		<-stopped
	}
}

func (s *server) unary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
) (any, error) {
	if !isOfProvider(info.FullMethod) {
		return handle(ctx, request)
	}
	if err := s.admit(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeoutMax)
	defer cancel()
	s.calls.begin()
	defer s.calls.end()
	return handle(ctx, request)
}

func (s *server) stream(
	srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler,
) error {
	if !isOfProvider(info.FullMethod) {
		return handle(srv, stream)
	}
	if err := s.admit(stream.Context()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(stream.Context(), callTimeoutMax)
	defer cancel()
	s.calls.begin()
	defer s.calls.end()
	return handle(srv, &boundStream{stream, ctx})
}

// boundStream is a stream with a context of its own.
type boundStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *boundStream) Context() context.Context { return s.ctx }

func isOfProvider(method string) bool { return strings.HasPrefix(method, "/"+serviceName+"/") }

// admit refuses who does not bring the token.
func (s *server) admit(ctx context.Context) error {
	if s.token == "" {
		return nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	given := strings.Join(md.Get("authorization"), ",")
	wanted, got := sha256.Sum256([]byte("Bearer "+s.token)), sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(wanted[:], got[:]) == 1 {
		return nil
	}
	return status.Error(codes.Unauthenticated, "the bearer token of this provider is needed")
}

// callCount counts the calls of routers under way; health watches never end and do not count.
type callCount struct {
	mu       sync.Mutex
	underWay int
	waiting  []chan struct{}
}

func (c *callCount) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay++
}

func (c *callCount) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay--
	if c.underWay > 0 {
		return
	}
	for _, done := range c.waiting {
		close(done)
	}
	c.waiting = nil
}

// none is closed once no call is under way.
func (c *callCount) none() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := make(chan struct{})
	if c.underWay == 0 {
		close(done)
	} else {
		c.waiting = append(c.waiting, done)
	}
	return done
}

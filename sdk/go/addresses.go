package weir

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	// addressesMax is the most addresses of a client.
	addressesMax = 16
	// readMaxBytes is a full response budget and its envelope: larger messages are refused on arrival.
	readMaxBytes = 8 << 20
	// The HTTP/2 default of 64 KiB costs throughput, even on loopback.
	streamWindowBytes     = 1 << 20
	connectionWindowBytes = 8 * streamWindowBytes
	connectTimeout        = 5 * time.Second
	pingAfter             = 30 * time.Second
	pingTimeout           = 10 * time.Second
)

// addresses carries calls to the first of some addresses until it is UNAVAILABLE, then to the next one,
// and after the last one to the first again.
type addresses struct {
	ways []*way
	mu   sync.Mutex
	at   int
}

// way leads to one address. It connects with the first call.
type way struct {
	url  string
	dial func() (*grpc.ClientConn, error)
	mu   sync.Mutex
	open *grpc.ClientConn
	over bool
}

func openAddresses(urls []*url.URL, tlsConfig *tls.Config) *addresses {
	opened := &addresses{}
	for _, address := range urls {
		opened.ways = append(opened.ways, &way{
			url:  strings.TrimRight(address.String(), "/"),
			dial: dialer(address, tlsConfig),
		})
	}
	return opened
}

func dialer(address *url.URL, tlsConfig *tls.Config) func() (*grpc.ClientConn, error) {
	security, port := grpc.WithInsecure(), "80"
	if address.Scheme == "https" {
		if tlsConfig == nil {
			tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		security, port = grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)), "443"
	}
	if given := address.Port(); given != "" {
		port = given
	}
	target := "passthrough:///" + net.JoinHostPort(address.Hostname(), port)
	return func() (*grpc.ClientConn, error) {
		return grpc.Dial(target, security, grpc.WithUserAgent("weir-go/"+Version),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(readMaxBytes)),
			grpc.WithInitialWindowSize(streamWindowBytes),
			grpc.WithInitialConnWindowSize(connectionWindowBytes),
			grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
			// Calls are tried again soon, and must not meet a connection that still rests.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: grpcbackoff.Config{
					BaseDelay: callBackoff.First, Multiplier: 2, Jitter: 0.2, MaxDelay: callBackoff.Max,
				},
				MinConnectTimeout: connectTimeout,
			}))
	}
}

func (w *way) conn() (*grpc.ClientConn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return nil, &CallError{Code: codes.Canceled, Reason: reasonCancelled, Text: "the client is closed"}
	}
	if w.open == nil {
		conn, err := w.dial()
		if err != nil {
			return nil, err
		}
		w.open = conn
	}
	return w.open, nil
}

func (w *way) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.open == nil {
		return nil
	}
	conn := w.open
	w.open = nil
	return conn.Close()
}

func (a *addresses) here() *way {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ways[a.at]
}

// leave moves on when the address is away. Calls that failed together move on once.
func (a *addresses) leave(from *way, failure *CallError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if failure.Code == codes.Unavailable && from == a.ways[a.at] {
		a.at = (a.at + 1) % len(a.ways)
	}
}

func (a *addresses) close() error {
	var first error
	for _, way := range a.ways {
		if err := way.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// parseURLs reads addresses, parted by commas.
func parseURLs(given string) ([]*url.URL, error) {
	var urls []*url.URL
	for _, text := range strings.Split(given, ",") {
		address, err := parseURL(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		urls = append(urls, address)
	}
	if len(urls) > addressesMax {
		return nil, fmt.Errorf("weir: URL has %d addresses: give 1 to %d", len(urls), addressesMax)
	}
	return urls, nil
}

func parseURL(text string) (*url.URL, error) {
	fault := func(why string) error {
		return fmt.Errorf("weir: URL %q %s: write it like http://127.0.0.1:7070", text, why)
	}
	address, err := url.Parse(text)
	switch {
	case text == "":
		return nil, fault("is empty (and so is the variable WEIR_URL)")
	case err != nil:
		return nil, fault("is no URL")
	case address.User != nil:
		return nil, fmt.Errorf("weir: URL holds user info: drop it and give the key as Key")
	case address.Scheme != "http" && address.Scheme != "https":
		return nil, fault("is not http or https")
	case address.Host == "":
		return nil, fault("has no host")
	case strings.Trim(address.Path, "/") != "" || address.RawQuery != "" || address.Fragment != "":
		return nil, fault("holds more than an address")
	}
	return address, nil
}

// withDeadline gives a call the client's time, unless its context has a deadline already.
func withDeadline(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

package weir

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"time"

	eventsv1 "github.com/weir/weir-go/gen/weir/events/v1"
	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	toolsv1 "github.com/weir/weir-go/gen/weir/tools/v1"
	"google.golang.org/grpc"
)

const (
	defaultTimeout = 10 * time.Second
	defaultRetries = 3
)

// Options say how to reach Weir.
type Options struct {
	// URL is where Weir listens, such as http://127.0.0.1:7070. Of several addresses, parted by commas, at
	// most 16, the first is used until it is UNAVAILABLE, then the next one; subscriptions go on there from
	// where they were. Default: the variable WEIR_URL of the environment.
	URL string
	// Key is the API key, "weir_...", or an access token of an issuer that Weir knows. Default: the
	// variable WEIR_KEY of the environment. Only where the certificate in TLS says who calls there
	// may be none.
	Key string
	// TLS has the certificates for https. Default: the authorities of the system, and no certificate.
	TLS *tls.Config
	// Timeout is the time of a call whose context has no deadline, retries included. Default: 10 s.
	Timeout time.Duration
	// Retries is how often a safe call is tried again at most. Default: 3; negative: never.
	Retries int
	// MinQuality is the least quality acceptable where a fetch does not say, from 0 to 1. Default: any.
	MinQuality float64
}

// Client is a client of Weir. It is safe for concurrent use, and made once per process.
type Client struct {
	conn       *callConn
	router     routerv1.RouterServiceClient
	events     eventsv1.EventServiceClient
	tools      toolsv1.ToolServiceClient
	links      *http.Client
	timeout    time.Duration
	retries    int
	minQuality float64
}

var keyForm = regexp.MustCompile(`^[\x21-\x7e]+$`)

// New makes a client of Weir. It connects with the first call. It fails when the URL or the key cannot be
// right, or there is no credential.
func New(options Options) (*Client, error) {
	options = options.complete()
	urls, err := parseURLs(options.URL)
	if err != nil {
		return nil, err
	}
	if err := options.check(); err != nil {
		return nil, err
	}
	conn := &callConn{
		addresses: openAddresses(urls, options.TLS),
		policy:    callPolicy{key: options.Key, timeout: options.Timeout, retries: options.Retries},
	}
	return &Client{
		conn:       conn,
		router:     routerv1.NewRouterServiceClient(conn),
		events:     eventsv1.NewEventServiceClient(conn),
		tools:      toolsv1.NewToolServiceClient(conn),
		links:      linkClient(options.TLS),
		timeout:    options.Timeout,
		retries:    options.Retries,
		minQuality: options.MinQuality,
	}, nil
}

func (o Options) complete() Options {
	if o.URL == "" {
		o.URL = os.Getenv("WEIR_URL")
	}
	if o.Key == "" && !o.hasCertificate() {
		o.Key = os.Getenv("WEIR_KEY")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	return o
}

func (o Options) hasCertificate() bool {
	return o.TLS != nil && (len(o.TLS.Certificates) > 0 || o.TLS.GetClientCertificate != nil)
}

func (o Options) check() error {
	switch {
	case !keyForm.MatchString(o.Key) && (o.Key != "" || !o.hasCertificate()):
		return errors.New("weir: Key is empty or holds characters that no API key holds: give weir_..., or set WEIR_KEY")
	case o.Timeout < 0:
		return fmt.Errorf("weir: Timeout is %v: give more than 0", o.Timeout)
	case !(o.MinQuality >= 0 && o.MinQuality <= 1):
		return fmt.Errorf("weir: MinQuality is %v: give 0 to 1", o.MinQuality)
	}
	return nil
}

// Conn returns the connection of the client, for the stubs of Weir's services under gen, such as
// registryv1.NewRegistryServiceClient(client.Conn()). Its calls carry the key, have a deadline, are tried
// again where that is safe, and fail with a *CallError.
func (c *Client) Conn() grpc.ClientConnInterface { return c.conn }

// Close ends the connections; calls under way fail.
func (c *Client) Close() error {
	c.links.CloseIdleConnections()
	return c.conn.addresses.close()
}

// within gives a call the client's time, unless its context has a deadline.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return withDeadline(ctx, c.timeout)
}

// Must returns the value, and panics when there is an error: for programs that can do nothing else.
//
//	client := weir.Must(weir.New(weir.Options{}))
func Must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

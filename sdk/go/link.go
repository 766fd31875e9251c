package weir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	maxValueBytesDefault = 64 << 20
	followedAtOnce       = 4
	linkIdleTimeout      = 30 * time.Second
)

// linkClient gets values at links. Nothing of the caller's goes along: no key and no certificate.
func linkClient(config *tls.Config) *http.Client {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxIdleConnsPerHost: followedAtOnce,
		IdleConnTimeout:     linkIdleTimeout,
	}
	if config != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ReadValue reads the value of an item piece by piece, also one that lies at a link: fetch it with
// KeepLinks. Size and hash are checked on the way, so that what was read counts only once Read has returned
// io.EOF. Read fails with a *CallError when the value cannot be read (Unavailable) or is another (DataLoss).
// The reader is to be closed. The context counts until then; without a deadline it has the client's time.
func (c *Client) ReadValue(ctx context.Context, item *Item) (io.ReadCloser, error) {
	if item.Link == nil || len(item.Bytes) > 0 {
		return io.NopCloser(bytes.NewReader(item.Bytes)), nil
	}
	ctx, cancel := c.within(ctx)
	reader, err := c.openLink(ctx, *item.Link)
	if err != nil {
		cancel()
		return nil, err
	}
	reader.cancel = cancel
	return reader, nil
}

// linkReader checks what it reads against the size and the hash announced.
type linkReader struct {
	ctx    context.Context
	cancel context.CancelFunc
	body   io.ReadCloser
	link   Link
	digest hash.Hash
	read   uint64
}

func (c *Client) openLink(ctx context.Context, link Link) (*linkReader, error) {
	address, err := absolute(link.URL, c.conn.addresses.here().url)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, unreadable("the link is no address of http or https", err)
	}
	response, err := c.links.Do(request)
	if err != nil {
		return nil, brokenLink(ctx, err)
	}
	if response.StatusCode == http.StatusOK {
		return &linkReader{
			ctx: ctx, cancel: func() {}, body: response.Body, link: link, digest: sha256.New(),
		}, nil
	}
	response.Body.Close()
	if response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusNotFound {
		return nil, unreadable("the link holds no more: fetch the item again for a new one", nil)
	}
	return nil, unreadable(fmt.Sprintf("the link is answered with status %d", response.StatusCode), nil)
}

func (r *linkReader) Read(into []byte) (int, error) {
	count, err := r.body.Read(into)
	r.read += uint64(count)
	r.digest.Write(into[:count])
	switch {
	case r.read > r.link.SizeBytes:
		return 0, otherValue(fmt.Sprintf("is longer than the %d bytes announced", r.link.SizeBytes))
	case err == nil:
		return count, nil
	case !errors.Is(err, io.EOF):
		return count, brokenLink(r.ctx, err)
	case r.read < r.link.SizeBytes:
		return count, unreadable(fmt.Sprintf("the value broke off after %d of %d bytes", r.read, r.link.SizeBytes), nil)
	case hex.EncodeToString(r.digest.Sum(nil)) != r.link.SHA256:
		return count, otherValue("does not have the hash announced")
	default:
		return count, io.EOF
	}
}

func (r *linkReader) Close() error {
	r.cancel()
	return r.body.Close()
}

// absolute returns where a link leads. One that begins with "/" cannot leave the address, whatever follows.
func absolute(link, base string) (string, error) {
	if strings.HasPrefix(link, "/") {
		return base + link, nil
	}
	address, err := url.Parse(link)
	if err != nil || (address.Scheme != "http" && address.Scheme != "https") || address.Host == "" {
		return "", unreadable("the link is no address of http or https", err)
	}
	return link, nil
}

// followAll follows the links of many outcomes, some at once.
func (c *Client) followAll(ctx context.Context, outcomes []Outcome, options FetchOptions) {
	var linked []*Outcome
	for at := range outcomes {
		if outcomes[at].isToFollow(options) {
			linked = append(linked, &outcomes[at])
		}
	}
	_ = inParallel(ctx, linked, followedAtOnce, func(ctx context.Context, outcome *Outcome) error {
		c.follow(ctx, outcome, options)
		return nil
	})
}

func (o *Outcome) isToFollow(options FetchOptions) bool {
	return !options.KeepLinks && o.Item != nil && o.Item.Link != nil
}

// follow gives an outcome with a link its value, or makes a refusal of it.
func (c *Client) follow(ctx context.Context, outcome *Outcome, options FetchOptions) {
	link := *outcome.Item.Link
	if link.SizeBytes > options.MaxValueBytes {
		outcome.refuse(&Refusal{Code: codes.ResourceExhausted, Reason: reasonItemTooLarge, Text: fmt.Sprintf(
			"the value has %d bytes, and at most %d are read: raise MaxValueBytes, or fetch it with KeepLinks and read it with ReadValue",
			link.SizeBytes, options.MaxValueBytes,
		)})
		return
	}
	data, err := c.readLink(ctx, link)
	if err != nil {
		failure := callErrorOf(ctx, err)
		outcome.refuse(&Refusal{
			Code: failure.Code, Reason: failure.Reason, Text: failure.Text,
			CanRetry: failure.CanRetry, RetryDelay: failure.RetryDelay,
		})
		return
	}
	outcome.Item.Bytes = data
	outcome.check()
}

func (c *Client) readLink(ctx context.Context, link Link) ([]byte, error) {
	reader, err := c.openLink(ctx, link)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(reader)
}

func unreadable(text string, cause error) *CallError {
	return &CallError{
		Code: codes.Unavailable, Reason: reasonBlobStore, Text: text, CanRetry: true, cause: cause,
	}
}

func otherValue(what string) *CallError {
	return &CallError{Code: codes.DataLoss, Reason: reasonBlobStore, Text: "the value at the link " + what}
}

func brokenLink(ctx context.Context, cause error) *CallError {
	switch ctx.Err() {
	case nil:
		return unreadable("the value at the link cannot be read", cause)
	case context.DeadlineExceeded:
		text := "the value at the link did not come in time"
		return &CallError{Code: codes.DeadlineExceeded, Reason: reasonDeadline, Text: text, cause: cause}
	default:
		return &CallError{Code: codes.Canceled, Reason: reasonCancelled, Text: "cancelled by the caller", cause: cause}
	}
}

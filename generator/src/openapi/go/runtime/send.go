package openapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

const (
	redirectsMax   = 3
	headerMaxBytes = 32 * 1024
)

// outgoing is a request as it goes out.
type outgoing struct {
	method string
	url    *url.URL
	header map[string]string
	body   []byte
}

// incoming is what came back.
type incoming struct {
	status int
	header http.Header
	body   []byte
}

// isAbsent says whether there is no such thing.
func (i *incoming) isAbsent() bool {
	return i.status == http.StatusNotFound || i.status == http.StatusGone
}

// tooLargeError says that an answer holds more than may be read.
type tooLargeError int64

func (e tooLargeError) Error() string {
	return fmt.Sprintf("the answer has more than %d bytes", int64(e))
}

// sender sends requests to where they may go.
type sender struct {
	// clients are by the scheme, since the guard is stricter with clear text.
	clients  map[string]*http.Client
	maxBytes int64
}

func newSender(guard *guard, maxBytes int64) *sender {
	return &sender{
		clients:  map[string]*http.Client{"http": clientOf(guard, true), "https": clientOf(guard, false)},
		maxBytes: maxBytes,
	}
}

// clientOf uses no proxy: the guard would see the proxy's address instead of the API's.
func clientOf(guard *guard, isClear bool) *http.Client {
	dialer := &net.Dialer{Control: guard.control(isClear)}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: headerMaxBytes,
		},
		CheckRedirect: checkRedirect,
	}
}

// checkRedirect follows to the same host only, and for GET only.
func checkRedirect(next *http.Request, before []*http.Request) error {
	first := before[0]
	switch {
	case first.Method != http.MethodGet:
		return http.ErrUseLastResponse
	case originOf(next.URL) != originOf(first.URL):
		return refusedError{first.URL.Host, fmt.Errorf("the API redirects to another host, which is not followed")}
	case len(before) > redirectsMax:
		return refusedError{first.URL.Host, fmt.Errorf("the API redirects more than %d times", redirectsMax)}
	default:
		return nil
	}
}

func originOf(address *url.URL) string { return address.Scheme + "://" + address.Host }

// send sends a request and reads the answer whole.
func (s *sender) send(ctx context.Context, out outgoing) (*incoming, error) {
	client := s.clients[out.url.Scheme]
	if client == nil {
		return nil, refusedError{out.url.Host, fmt.Errorf("only http and https are spoken")}
	}
	request, err := http.NewRequestWithContext(ctx, out.method, out.url.String(), bytes.NewReader(out.body))
	if err != nil {
		return nil, err
	}
	for name, value := range out.header {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		// Its body is the connection, which may never end and which no context bounds.
		return nil, errors.New("the API switches to another protocol, which nobody asked for")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, s.maxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > s.maxBytes {
		return nil, tooLargeError(s.maxBytes)
	}
	return &incoming{status: response.StatusCode, header: response.Header, body: body}, nil
}

package openapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// Options are what is needed to call an API.
type Options struct {
	// BaseURL is its address, such as https://api.example.com/v1.
	BaseURL string
	// IsMoved says whether requests with an address of their own go there too. Default: no.
	IsMoved bool
	// Credentials are ways to say who calls, by the name that requests use.
	Credentials map[string]Credential
	// Secrets finds the secrets that credentials name. Default: it knows none.
	Secrets Secrets
	// OutboundAllow is what may be called besides public addresses: loopback, private, 10.1.0.0/16. Default:
	// nothing.
	OutboundAllow []string
	// Timeout is the time for one request. Default: 10 s.
	Timeout time.Duration
	// MaxBytes is the largest answer read. Default: 16 MiB.
	MaxBytes int64
}

// API is an API that can be called.
type API struct {
	base        *url.URL
	isMoved     bool
	timeout     time.Duration
	sender      *sender
	credentials *credentials
}

const (
	defaultTimeout  = 10 * time.Second
	defaultMaxBytes = 16 << 20
	retryMax        = time.Hour
	retryDefault    = time.Second
)

// Open opens an API. It fails when the address or what is allowed cannot be read.
func Open(options Options) (*API, error) {
	base, err := baseOf(options.BaseURL)
	if err != nil {
		return nil, err
	}
	guard, err := newGuard(options.OutboundAllow)
	if err != nil {
		return nil, err
	}
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.MaxBytes == 0 {
		options.MaxBytes = defaultMaxBytes
	}
	if options.Secrets == nil {
		options.Secrets = func(string) string { return "" }
	}
	sender := newSender(guard, options.MaxBytes)
	return &API{
		base: base, isMoved: options.IsMoved, timeout: options.Timeout, sender: sender,
		credentials: &credentials{
			specs: options.Credentials, secrets: options.Secrets, sender: sender,
			timeout: options.Timeout, tokens: map[string]*token{},
		},
	}, nil
}

func baseOf(text string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(text, "/") + "/")
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("the address %q of the API is not an http or https URL", text)
	}
	return base, nil
}

func (a *API) baseFor(request *Request) (*url.URL, error) {
	if request.BaseURL == "" || a.isMoved {
		return a.base, nil
	}
	return baseOf(request.BaseURL)
}

// call makes a request. What says that there is no such thing (404, 410) and that nothing has changed (304)
// is an answer as any other; everything else that is no success is a *provider.Error.
func (a *API) call(ctx context.Context, request *Request, values arguments, knownEtag string) (*incoming, error) {
	made, err := build(request, values)
	if err != nil {
		return nil, provider.Errorf(codes.InvalidArgument, "%v", err)
	}
	base, err := a.baseFor(request)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(strings.TrimSuffix(base.String(), "/") + made.target)
	if err != nil {
		return nil, provider.Errorf(codes.InvalidArgument, "the arguments make no address")
	}
	return a.make(ctx, request, address, made, knownEtag)
}

// follow calls a path that the API itself has named; it has to lie on the same host.
func (a *API) follow(ctx context.Context, request *Request, target string) (*incoming, error) {
	base, err := a.baseFor(request)
	if err != nil {
		return nil, err
	}
	address, err := base.Parse(target)
	if err != nil || originOf(address) != originOf(base) {
		return nil, provider.Errorf(codes.Internal, "the API names a next page on another host")
	}
	return a.make(ctx, request, address, &built{header: map[string]string{"Accept": request.Accept}}, "")
}

var etagForm = regexp.MustCompile(`^(?:W/)?"[^"]*"$`)

func (a *API) make(ctx context.Context, request *Request, address *url.URL, made *built, knownEtag string) (*incoming, error) {
	within, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	added, err := a.credentials.apply(within, request.Security)
	if err != nil {
		return nil, a.failureOf(ctx, err)
	}
	out := outgoing{method: request.Method, url: address, header: made.header, body: made.body}
	out.header["User-Agent"] = "weir-provider"
	if etagForm.MatchString(knownEtag) {
		out.header["If-None-Match"] = knownEtag
	}
	added.addTo(&out)
	answer, err := a.sender.send(within, out)
	if err != nil {
		return nil, a.failureOf(ctx, err)
	}
	if answer.status == http.StatusUnauthorized {
		a.credentials.forget(added)
	}
	return answer, fault(answer, added.references)
}

func (a *applied) addTo(out *outgoing) {
	for name, value := range a.header {
		out.header[name] = value
	}
	out.url.RawQuery = joined(out.url.RawQuery, a.query, "&")
	if cookie := joined(out.header["Cookie"], a.cookies, "; "); cookie != "" {
		out.header["Cookie"] = cookie
	}
}

func joined(first string, more []string, delimiter string) string {
	if first != "" {
		more = append([]string{first}, more...)
	}
	return strings.Join(more, delimiter)
}

// fault says what is wrong with an answer; nil for one that can be used.
func fault(answer *incoming, references []string) error {
	status := answer.status
	told := fmt.Sprintf("the API answers with status %d", status)
	switch {
	case status >= 200 && status < 300, status == http.StatusNotModified, answer.isAbsent():
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		used := "a request without credentials"
		if len(references) > 0 {
			used = strings.Join(references, ", ")
		}
		return provider.Errorf(codes.FailedPrecondition, "the API refuses %s (status %d)", used, status)
	case status == http.StatusTooManyRequests:
		delay, isTold := retryDelayOf(answer.header.Get("Retry-After"))
		if !isTold {
			delay = retryDefault
		}
		return &provider.Error{Code: codes.ResourceExhausted, Text: told, RetryDelay: delay}
	case status >= 500:
		delay, _ := retryDelayOf(answer.header.Get("Retry-After"))
		return &provider.Error{Code: codes.Unavailable, Text: told, RetryDelay: delay}
	case status < 400:
		return provider.Errorf(codes.Unavailable, "%s", told)
	default:
		return provider.Errorf(codes.InvalidArgument, "%s", told)
	}
}

// retryDelayOf reads Retry-After, a number of seconds or a date.
func retryDelayOf(text string) (delay time.Duration, isTold bool) {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		delay = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		delay = time.Until(date)
	} else {
		return 0, false
	}
	if delay > retryMax {
		delay = retryMax
	}
	// What may be tried at once may be tried: none at all would mean that it does not help.
	if delay < time.Millisecond {
		delay = time.Millisecond
	}
	return delay, true
}

func (a *API) failureOf(ctx context.Context, err error) error {
	var told *provider.Error
	var refused refusedError
	var large tooLargeError
	switch {
	case errors.As(err, &told), ctx.Err() != nil:
		return err
	case errors.As(err, &large):
		return &provider.Error{Code: codes.ResourceExhausted, Text: large.Error(), Cause: err}
	case errors.As(err, &refused):
		// The address stays with who runs the provider.
		text := "the address of the API, or where it redirects to, may not be called"
		return &provider.Error{Code: codes.FailedPrecondition, Text: text, Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		text := fmt.Sprintf("the API did not answer within %v", a.timeout)
		return &provider.Error{Code: codes.DeadlineExceeded, Text: text, Cause: err}
	default:
		text := "the API cannot be reached"
		return &provider.Error{Code: codes.Unavailable, Text: text, RetryDelay: retryDefault, Cause: err}
	}
}

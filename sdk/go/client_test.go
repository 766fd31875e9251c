package weir

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	errorsv1 "github.com/weir/weir-go/gen/weir/errors/v1"
	registryv1 "github.com/weir/weir-go/gen/weir/registry/v1"
	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestNewRefuses(t *testing.T) {
	t.Setenv("WEIR_URL", "")
	t.Setenv("WEIR_KEY", "")
	for why, options := range map[string]Options{
		"is empty":                  {Key: "k"},
		"is no URL":                 {URL: "http://[", Key: "k"},
		"is not http or https":      {URL: "ftp://a", Key: "k"},
		"has no host":               {URL: "http://", Key: "k"},
		"user info":                 {URL: "http://me:secret@a", Key: "k"},
		"more than an address":      {URL: "http://a/path", Key: "k"},
		"give 1 to 16":              {URL: strings.Repeat("http://a,", 16) + "http://a", Key: "k"},
		"Key is empty":              {URL: "http://a"},
		"Timeout is":                {URL: "http://a", Key: "k", Timeout: -1},
		"MinQuality is":             {URL: "http://a", Key: "k", MinQuality: 2},
		"holds characters that no ": {URL: "http://a", Key: "with space"},
	} {
		if _, err := New(options); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%+v is refused with %v; want %q", options, err, why)
		}
	}
}

func TestNewTakesTheEnvironmentOrACertificate(t *testing.T) {
	t.Setenv("WEIR_URL", "http://127.0.0.1:1, http://127.0.0.1:2")
	t.Setenv("WEIR_KEY", "weir_env")
	client := openClient(t, Options{Key: "weir_given"})
	if client.conn.policy.key != "weir_given" || len(client.conn.addresses.ways) != 2 {
		t.Error("what is given and what the environment says do not come together")
	}
	certificate := &tls.Config{Certificates: []tls.Certificate{{}}}
	byCertificate, err := New(Options{URL: "https://a", TLS: certificate})
	if err != nil || byCertificate.conn.policy.key != "" {
		t.Error("a certificate needs a key", err)
	}
}

func TestCallsGoOverTLS(t *testing.T) {
	// It has a certificate of 127.0.0.1, and who signed it.
	https := httptest.NewTLSServer(nil)
	defer https.Close()
	authorities := x509.NewCertPool()
	authorities.AddCert(https.Certificate())
	fake := &fakeWeir{fetch: echo}
	address := serveFake(t, fake, grpc.Creds(credentials.NewServerTLSFromCert(&https.TLS.Certificates[0])))
	address = strings.Replace(address, "http:", "https:", 1)
	trusting := openClient(t, Options{URL: address, TLS: &tls.Config{RootCAs: authorities}})
	if _, err := trusting.Get(background(t), "Probe", "a", nil); err != nil {
		t.Error(err)
	}
	_, err := openClient(t, Options{URL: address}).Get(background(t), "Probe", "a", nil)
	if status.Code(err) != codes.Unavailable || fake.counted() != 1 {
		t.Error("an unknown authority is believed:", err)
	}
}

func TestACallCarriesTheKeyAndADeadline(t *testing.T) {
	var deadline time.Duration
	fake := &fakeWeir{}
	fake.fetch = func(ctx context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		at, _ := ctx.Deadline()
		deadline = time.Until(at)
		return echo(ctx, request)
	}
	client := openFake(t, fake)
	if _, err := client.Get(context.Background(), "Probe", "a", nil); err != nil {
		t.Fatal(err)
	}
	if got := fake.md.Get("authorization"); len(got) != 1 || got[0] != "Bearer weir_test" {
		t.Error("the key is sent as", got)
	}
	if deadline <= 0 || deadline > patience {
		t.Error("the deadline is", deadline)
	}
}

func TestACallErrorSaysWhatWeirSays(t *testing.T) {
	fake := &fakeWeir{fetch: func(ctx context.Context, _ *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		_ = grpc.SetHeader(ctx, metadata.Pairs("x-request-id", "r-1"))
		refused, err := status.New(codes.InvalidArgument, "it is malformed").WithDetails(
			&errdetails.ErrorInfo{Reason: "REASON_INVALID_KEY", Domain: "weir"},
			&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
			&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
				{Field: "refs[1].key", Description: "write it in NFC"},
			}},
		)
		if err != nil {
			return nil, err
		}
		return nil, refused.Err()
	}}
	_, err := openFake(t, fake).Get(background(t), "Probe", "a", nil)
	var failure *CallError
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	if failure.Code != codes.InvalidArgument || failure.Reason != "INVALID_KEY" || failure.RequestID != "r-1" {
		t.Errorf("%+v", failure)
	}
	if !failure.CanRetry || failure.RetryDelay != 1500*time.Millisecond {
		t.Errorf("%+v", failure)
	}
	if len(failure.Violations) != 1 || failure.Violations[0].Field != "refs[1].key" {
		t.Errorf("%+v", failure.Violations)
	}
	if !strings.Contains(err.Error(), "refs[1].key: write it in NFC") || status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
}

func TestReasonsAreNamed(t *testing.T) {
	for number, want := range map[errorsv1.Reason]Reason{
		errorsv1.Reason_REASON_UNSPECIFIED:   "",
		errorsv1.Reason_REASON_KEY_NOT_FOUND: "KEY_NOT_FOUND",
		errorsv1.Reason(7_777):               "REASON_7777",
	} {
		if got := reasonOfNumber(number); got != want {
			t.Errorf("%d is %q, not %q", number, got, want)
		}
	}
}

func TestASafeCallIsTriedAgain(t *testing.T) {
	fake := &fakeWeir{}
	fake.fetch = func(ctx context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		if fake.counted() < 3 {
			return nil, errAway
		}
		return echo(ctx, request)
	}
	if _, err := openFake(t, fake).Get(background(t), "Probe", "a", nil); err != nil || fake.counted() != 3 {
		t.Error(err, "after calls:", fake.counted())
	}
}

func TestWhatIsNotSafeOrWillNotPassIsNotTriedAgain(t *testing.T) {
	fake := &fakeWeir{
		fetch: func(context.Context, *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
			return nil, status.Error(codes.ResourceExhausted, "and says not when to come back")
		},
		register: func() error { return errAway },
	}
	client := openFake(t, fake)
	if _, err := client.Get(background(t), "Probe", "a", nil); status.Code(err) != codes.ResourceExhausted {
		t.Error(err)
	}
	registry := registryv1.NewRegistryServiceClient(client.Conn())
	_, err := registry.RegisterProvider(background(t), &registryv1.RegisterProviderRequest{})
	if status.Code(err) != codes.Unavailable || fake.counted() != 2 {
		t.Error(err, "after calls:", fake.counted())
	}
}

func TestNothingIsTriedAgainBeyondTheDeadline(t *testing.T) {
	fake := &fakeWeir{fetch: func(context.Context, *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		refused, _ := status.New(codes.Unavailable, "away").WithDetails(
			&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)})
		return nil, refused.Err()
	}}
	_, err := openFake(t, fake).Get(background(t), "Probe", "a", nil)
	if status.Code(err) != codes.Unavailable || fake.counted() != 1 {
		t.Error(err, "after calls:", fake.counted())
	}
}

func TestTheRetryBudgetEndsAndComesBack(t *testing.T) {
	var budget retryBudget
	allowed := 0
	for budget.allows() {
		allowed++
	}
	if allowed != retryTokens/2-1 {
		t.Error("retries in a row:", allowed)
	}
	for success := 0; success < 200; success++ {
		budget.succeeded()
	}
	if !budget.allows() {
		t.Error("successes do not fill the budget")
	}
}

func TestCallsGoToTheNextAddress(t *testing.T) {
	dead := &fakeWeir{fetch: func(context.Context, *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		return nil, errAway
	}}
	live := &fakeWeir{fetch: echo}
	client := openClient(t, Options{URL: "http://127.0.0.1:9," + serveFake(t, dead) + "," + serveFake(t, live)})
	for call := 0; call < 3; call++ {
		if _, err := client.Get(background(t), "Probe", "a", nil); err != nil {
			t.Fatal(err)
		}
	}
	if dead.counted() != 1 || live.counted() != 3 {
		t.Error("calls of the dead:", dead.counted(), "of the live:", live.counted())
	}
}

func TestACallThatIsLateOrCancelledSaysSo(t *testing.T) {
	fake := &fakeWeir{fetch: func(ctx context.Context, _ *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}}
	client := openFake(t, fake)
	late, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := client.Get(late, "Probe", "a", nil)
	var failure *CallError
	if !errors.As(err, &failure) || failure.Reason != "DEADLINE_EXCEEDED" || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	left, leave := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, leave)
	if _, err := client.Get(left, "Probe", "a", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAClosedClientCallsNobody(t *testing.T) {
	client := openFake(t, &fakeWeir{fetch: echo})
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(background(t), "Probe", "a", nil); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
}

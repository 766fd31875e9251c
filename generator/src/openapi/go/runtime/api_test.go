package openapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// asked is a request that an API got.
type asked struct {
	method, url, body string
	header            http.Header
}

// openTestAPI serves an API that keeps what it was asked.
func openTestAPI(t *testing.T, answer http.HandlerFunc) (address string, got *[]asked) {
	got = &[]asked{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*got = append(*got, asked{r.Method, r.RequestURI, string(body), r.Header})
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

var (
	bearer   = Credential{Kind: Bearer, Secret: "secret://things-token"}
	oneThing = Fetch{
		Request: Request{
			Method: "GET", Path: "/things/{id}", Parameters: []Parameter{{Name: "id", In: InPath}},
			Accept: "application/json", Security: [][]string{{"main"}},
		},
		KeyParameters: []string{"id"},
	}
)

func known(string) string { return "user:hush" }

// fetchOne fetches Thing/1 from an API that answers so.
func fetchOne(t *testing.T, options Options, knownEtag string, answer http.HandlerFunc) (*provider.Content, error, []asked) {
	t.Helper()
	address, got := openTestAPI(t, answer)
	options.BaseURL = address + "/v1/"
	if options.Credentials == nil {
		options.Credentials = map[string]Credential{"main": bearer}
	}
	if options.Secrets == nil {
		options.Secrets = known
	}
	if options.OutboundAllow == nil {
		options.OutboundAllow = []string{"loopback"}
	}
	api, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	content, err := FetchItem(api, oneThing)(context.Background(), provider.Query{Key: "1", KnownEtag: knownEtag})
	return content, err, *got
}

func status(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for at := 0; at+1 < len(header); at += 2 {
			w.Header().Set(header[at], header[at+1])
		}
		w.WriteHeader(status)
	}
}

func TestAValueComesAsItIs(t *testing.T) {
	content, err, got := fetchOne(t, Options{}, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Etag", `"a"`)
		w.Header().Set("Cache-Control", "max-age=5")
		w.Header().Set("Last-Modified", "Sat, 31 Jan 2026 12:00:00 GMT")
		_, _ = w.Write([]byte(`{"n": 1.0}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	if string(content.Value.([]byte)) != `{"n": 1.0}` || content.Etag != `"a"` || content.TTL != 5*time.Second ||
		content.ContentType != "application/json" || content.AsOf.Year() != 2026 {
		t.Errorf("%+v", content)
	}
	if got[0].url != "/v1/things/1" || got[0].header.Get("Authorization") != "Bearer user:hush" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsKnownIsNotSentAgain(t *testing.T) {
	content, err, got := fetchOne(t, Options{}, `"a"`, status(304))
	if err != nil || !content.NotModified || got[0].header.Get("If-None-Match") != `"a"` {
		t.Errorf("%+v, %v, %+v", content, err, got)
	}
	_, _, got = fetchOne(t, Options{}, "made-by-weir", status(200))
	if got[0].header.Get("If-None-Match") != "" {
		t.Errorf("an etag of Weir's own is sent: %+v", got)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	for _, code := range []int{404, 410} {
		if content, err, _ := fetchOne(t, Options{}, "", status(code)); content != nil || err != nil {
			t.Errorf("%d: %+v, %v", code, content, err)
		}
	}
}

func packed(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var out bytes.Buffer
		writer := gzip.NewWriter(&out)
		_, _ = writer.Write([]byte(text))
		_ = writer.Close()
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(out.Bytes())
	}
}

func TestAnswersAreUnpackedAndBounded(t *testing.T) {
	content, err, _ := fetchOne(t, Options{}, "", packed(`{"a":1}`))
	if err != nil || string(content.Value.([]byte)) != `{"a":1}` {
		t.Errorf("%+v, %v", content, err)
	}
	_, err, _ = fetchOne(t, Options{MaxBytes: 10_000}, "", packed(strings.Repeat("x", 100_000)))
	told(t, err, codes.ResourceExhausted, "more than 10000 bytes")
}

// told looks at what callers learn.
func told(t *testing.T, err error, code codes.Code, text string) *provider.Error {
	t.Helper()
	var failure *provider.Error
	if !errors.As(err, &failure) {
		t.Fatalf("%v is not told to callers", err)
	}
	if failure.Code != code || !strings.Contains(failure.Text, text) || strings.Contains(failure.Text, "hush") {
		t.Errorf("%v", failure)
	}
	return failure
}

func TestFailures(t *testing.T) {
	for _, each := range []struct {
		answer http.HandlerFunc
		code   codes.Code
		delay  time.Duration
		text   string
	}{
		{status(429, "Retry-After", "7"), codes.ResourceExhausted, 7 * time.Second, "status 429"},
		{status(429), codes.ResourceExhausted, time.Second, "status 429"},
		{status(503, "Retry-After", "99999999"), codes.Unavailable, time.Hour, "status 503"},
		{status(500), codes.Unavailable, 0, "status 500"},
		{status(400), codes.InvalidArgument, 0, "status 400"},
		{status(401), codes.FailedPrecondition, 0, "the API refuses secret://things-token (status 401)"},
		{status(403), codes.FailedPrecondition, 0, "the API refuses secret://things-token (status 403)"},
	} {
		_, err, _ := fetchOne(t, Options{}, "", each.answer)
		if failure := told(t, err, each.code, each.text); failure.RetryDelay != each.delay {
			t.Errorf("%s: %v", each.text, failure.RetryDelay)
		}
	}
}

func TestASecretThatIsNotKnownIsNamed(t *testing.T) {
	_, err, got := fetchOne(t, Options{Secrets: func(string) string { return "" }}, "", status(200))
	told(t, err, codes.FailedPrecondition, "secret://things-token (or the variable THINGS_TOKEN)")
	if len(got) > 0 {
		t.Error("it is asked without a secret")
	}
}

func TestAnAPIThatSaysNothing(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	_, err, _ := fetchOne(t, Options{Timeout: 100 * time.Millisecond}, "", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	told(t, err, codes.DeadlineExceeded, "did not answer within 100ms")
}

func TestAnAnswerInAnotherProtocol(t *testing.T) {
	isClosed := make(chan struct{})
	_, err, _ := fetchOne(t, Options{}, "", func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(connection, "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		go func() {
			defer close(isClosed)
			defer connection.Close()
			_, _ = io.ReadAll(connection)
		}()
	})
	told(t, err, codes.Unavailable, "cannot be reached")
	<-isClosed
}

func TestRedirects(t *testing.T) {
	content, err, got := fetchOne(t, Options{}, "", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/things/1" {
			http.Redirect(w, r, "/v2/1", http.StatusFound)
		}
	})
	if err != nil || content == nil || len(got) != 2 || got[1].url != "/v2/1" {
		t.Errorf("%+v, %v, %+v", content, err, got)
	}
	other, elsewhere := openTestAPI(t, status(200))
	_, err, _ = fetchOne(t, Options{}, "", status(302, "Location", other))
	told(t, err, codes.FailedPrecondition, "may not be called")
	if len(*elsewhere) > 0 {
		t.Error("a secret went to another host")
	}
	_, err, got = fetchOne(t, Options{}, "", status(302, "Location", "/v1/things/1"))
	told(t, err, codes.FailedPrecondition, "may not be called")
	if len(got) != redirectsMax+1 {
		t.Errorf("it is asked %d times", len(got))
	}
}

func TestTheGuard(t *testing.T) {
	_, err, got := fetchOne(t, Options{OutboundAllow: []string{"private"}}, "", status(200))
	told(t, err, codes.FailedPrecondition, "may not be called")
	if len(got) > 0 {
		t.Error("an address is called that may not be")
	}
	for _, each := range []struct {
		allow   string
		address string
		isClear bool
		may     bool
	}{
		{"", "127.0.0.1", false, false},
		{"", "10.0.0.1", false, false},
		{"", "169.254.169.254", false, false},
		{"", "::1", false, false},
		{"", "::ffff:127.0.0.1", false, false},
		{"", "fd00:ec2::254", false, false},
		{"", "fe80::1%eth0", false, false},
		{"", "100.64.0.1", false, false},
		{"", "93.184.216.34", true, false},
		{"", "93.184.216.34", false, true},
		{"loopback", "127.0.0.1", true, true},
		{"loopback", "10.0.0.1", false, false},
		{"private", "192.168.1.1", true, true},
		{"private", "169.254.169.254", true, false},
		{"10.1.0.0/16", "10.1.2.3", false, true},
		{"169.254.169.254", "169.254.169.254", true, true},
		{"fd00:ec2::254/128", "fd00:ec2::254", true, true},
		{"fec0::/10", "fec0::1", false, true},
	} {
		guard, err := newGuard(strings.Fields(each.allow))
		if err != nil {
			t.Fatal(err)
		}
		address := each.address
		if strings.Contains(address, ":") {
			address = "[" + address + "]"
		}
		if err := guard.control(each.isClear)("tcp", address+":80", nil); (err == nil) != each.may {
			t.Errorf("%+v: %v", each, err)
		}
	}
	for _, entry := range []string{"public", "10.0.0.0/33", "x"} {
		if _, err := newGuard([]string{entry}); err == nil {
			t.Errorf("%s is a network", entry)
		}
	}
}

// may says whether an address may be called over TLS, and in clear text.
func may(t *testing.T, allow, address string) (safe, clear bool) {
	t.Helper()
	guard, err := newGuard(strings.Fields(allow))
	if err != nil {
		t.Fatal(err)
	}
	read := netip.MustParseAddr(address)
	return guard.mayCall(read, false), guard.mayCall(read, true)
}

func TestWhereCloudsHandOutCredentials(t *testing.T) {
	for _, address := range []string{
		"169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192",
		"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
		"::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254%1",
	} {
		for _, allow := range []string{"", "loopback private", "fc00::/7 0.0.0.0/0 ::/0"} {
			if safe, clear := may(t, allow, address); safe || clear {
				t.Errorf("%q allows %s", allow, address)
			}
		}
	}
}

func TestWhatIsPublic(t *testing.T) {
	for _, address := range []string{
		"192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "::", "::8.8.8.8", "::ffff:0:808:808",
		"64:ff9b::7f00:2", "64:ff9b:1::808:808", "100::1", "1fff::1", "2001::1", "2001:2::1", "2001:20::1",
		"2001:1ff::1", "2001:db8::1", "2002::1", "2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1", "8000::1",
		"fe00::1", "fec0::1", "ff02::1",
	} {
		if safe, _ := may(t, "private", address); safe {
			t.Errorf("%s is public", address)
		}
	}
	for _, address := range []string{
		"8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:200::1", "2001:db9::1", "2003::1",
		"2620:4f:8001::1", "3ffe::1", "3fff:1000::1",
	} {
		if safe, clear := may(t, "", address); !safe || clear {
			t.Errorf("%s is not public", address)
		}
	}
}

func TestWhoCallsIsTold(t *testing.T) {
	for _, each := range []struct {
		spec   Credential
		header string
		value  string
	}{
		{Credential{Kind: Basic}, "Authorization", "Basic dXNlcjpodXNo"},
		{Credential{Kind: APIKey, In: InHeader, Name: "X-Key"}, "X-Key", "user:hush"},
		{Credential{Kind: APIKey, In: InCookie, Name: "key"}, "Cookie", "key=user%3Ahush"},
	} {
		_, _, got := fetchOne(t, Options{Credentials: map[string]Credential{"main": each.spec}}, "", status(200))
		if got[0].header.Get(each.header) != each.value {
			t.Errorf("%+v: %+v", each, got)
		}
	}
	inQuery := Credential{Kind: APIKey, In: InQuery, Name: "key"}
	_, _, got := fetchOne(t, Options{Credentials: map[string]Credential{"main": inQuery}}, "", status(200))
	if got[0].url != "/v1/things/1?key=user%3Ahush" {
		t.Errorf("%+v", got)
	}
}

func TestATokenIsGotOnce(t *testing.T) {
	issuer, tokens := openTestAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.well-known" {
			_, _ = w.Write([]byte(`{"token_endpoint":"http://` + r.Host + `/token"}`))
		} else {
			_, _ = w.Write([]byte(`{"access_token":"T","expires_in":600}`))
		}
	})
	address, got := openTestAPI(t, status(200))
	api, err := Open(Options{
		BaseURL: address, Secrets: known, OutboundAllow: []string{"loopback"},
		Credentials: map[string]Credential{"main": {
			Kind: ClientCredentials, Secret: "secret://t", TokenURL: issuer + "/.well-known", IsDiscovery: true, Scopes: []string{"read"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2"} {
		if _, err := api.call(context.Background(), &oneThing.Request, arguments{"id": id}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(*got) != 2 || (*got)[1].header.Get("Authorization") != "Bearer T" {
		t.Errorf("%+v", *got)
	}
	if len(*tokens) != 2 || (*tokens)[1].body != "grant_type=client_credentials&scope=read" ||
		(*tokens)[1].header.Get("Authorization") != "Basic dXNlcjpodXNo" {
		t.Errorf("%+v", *tokens)
	}
}

// openWithTokens opens an API of two schemes, main and other, of which the token number n is Tn, and says for
// which it was asked.
func openWithTokens(t *testing.T, given string, answer http.HandlerFunc) (api *API, schemes func() []string) {
	t.Helper()
	var mu sync.Mutex
	var names []string
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, strings.TrimPrefix(r.URL.Path, "/"))
		_, _ = fmt.Fprintf(w, given, len(names))
	}))
	t.Cleanup(issuer.Close)
	there := httptest.NewServer(answer)
	t.Cleanup(there.Close)
	specs := map[string]Credential{}
	for _, name := range []string{"main", "other"} {
		specs[name] = Credential{Kind: ClientCredentials, Secret: "secret://t", TokenURL: issuer.URL + "/" + name}
	}
	api, err := Open(Options{
		BaseURL: there.URL, Secrets: known, OutboundAllow: []string{"loopback"}, Credentials: specs,
	})
	if err != nil {
		t.Fatal(err)
	}
	return api, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, names...)
	}
}

func callAs(api *API, scheme, id string) error {
	request := oneThing.Request
	request.Security = [][]string{{scheme}}
	_, err := api.call(context.Background(), &request, arguments{"id": id}, "")
	return err
}

func TestATokenThatManyNeedIsAskedForOnce(t *testing.T) {
	api, schemes := openWithTokens(t, `{"access_token":"T%d"}`, status(200))
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	// Who has gone away has begun it.
	if _, err := api.call(gone, &oneThing.Request, arguments{"id": "1"}, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	failures := make(chan error)
	const callers = 16
	for caller := 0; caller < callers; caller++ {
		go func() { failures <- callAs(api, "main", "1") }()
	}
	for caller := 0; caller < callers; caller++ {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	if asked := schemes(); len(asked) != 1 {
		t.Errorf("%v", asked)
	}
}

func TestATokenThatCannotBeGotIsAskedForAgain(t *testing.T) {
	api, schemes := openWithTokens(t, `{"access_token":"","expires_in":%d}`, status(200))
	for call := 0; call < 2; call++ {
		told(t, callAs(api, "main", "1"), codes.FailedPrecondition, "no token was given")
	}
	if asked := schemes(); len(asked) != 2 {
		t.Errorf("%v", asked)
	}
}

func TestOnlyTheTokenThatWasRefusedIsForgotten(t *testing.T) {
	isAsked, mayRefuse := make(chan struct{}), make(chan struct{})
	api, schemes := openWithTokens(t, `{"access_token":"T%d"}`, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/late") {
			close(isAsked)
			<-mayRefuse
		}
		if r.Header.Get("Authorization") == "Bearer T2" {
			w.WriteHeader(401)
		}
	})
	if err := callAs(api, "other", "1"); err != nil {
		t.Fatal(err)
	}
	late := make(chan error)
	go func() { late <- callAs(api, "main", "late") }()
	<-isAsked
	told(t, callAs(api, "main", "1"), codes.FailedPrecondition, "status 401")
	if err := callAs(api, "main", "1"); err != nil {
		t.Error(err)
	}
	close(mayRefuse)
	told(t, <-late, codes.FailedPrecondition, "status 401")
	for _, scheme := range []string{"other", "main"} {
		if err := callAs(api, scheme, "1"); err != nil {
			t.Error(err)
		}
	}
	if asked := strings.Join(schemes(), " "); asked != "other main main" {
		t.Error(asked)
	}
}

func TestATokenIsUsedForADayAtMost(t *testing.T) {
	api, schemes := openWithTokens(t, `{"access_token":"T%d","expires_in":1e300}`, status(200))
	for call := 0; call < 2; call++ {
		if err := callAs(api, "main", "1"); err != nil {
			t.Fatal(err)
		}
	}
	if asked := schemes(); len(asked) != 1 {
		t.Errorf("%v", asked)
	}
	if left := time.Until(api.credentials.tokens["main"].until); left > 24*time.Hour || left < 23*time.Hour {
		t.Errorf("it is used for %v", left)
	}
}

func TestSecretsComeFromVariablesAndAFileOfOnesOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(path, []byte("# ours\nfrom-file = a=b\nboth=file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{"WEIR_SECRETS_FILE": path, "BOTH": "variable", "FROM_ENV": "e"}
	getenv := func(name string) string { return variables[name] }
	secrets, err := OpenSecrets(getenv)
	if err != nil {
		t.Fatal(err)
	}
	for reference, secret := range map[string]string{
		"secret://from-file": "a=b", "secret://both": "variable", "secret://from-env": "e", "secret://none": "", "from-env": "",
	} {
		if found := secrets(reference); found != secret {
			t.Errorf("%s is %q", reference, found)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSecrets(getenv); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
}

func TestOperations(t *testing.T) {
	for _, each := range []struct {
		contentType, body, wanted string
	}{
		{"application/json", `{"a": 1.0}`, `{"a": 1.0}`},
		{"application/problem+json; charset=utf-8", `[]`, `[]`},
		{"text/plain", "hello", `{"content":[{"text":"hello","type":"text"}]}`},
		{"image/png", "\x00", `{"base64":"AA==","contentType":"image/png"}`},
		{"application/json", "", `{"status":200}`},
	} {
		address, _ := openTestAPI(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", each.contentType)
			_, _ = w.Write([]byte(each.body))
		})
		api, err := Open(Options{BaseURL: address, OutboundAllow: []string{"loopback"}})
		if err != nil {
			t.Fatal(err)
		}
		request := Request{Method: "POST", Path: "/x", BodyType: "application/json", Accept: "*/*"}
		result, err := CallOperation(api, request)(context.Background(), &provider.Call{Arguments: []byte(`{"body":{"a":1}}`)})
		raw, isRaw := result.([]byte)
		found := jsonText(result)
		if isRaw {
			found = string(raw)
		}
		if err != nil || strings.ReplaceAll(found, " ", "") != strings.ReplaceAll(each.wanted, " ", "") {
			t.Errorf("%s: %s, %v", each.contentType, found, err)
		}
		_, err = CallOperation(api, request)(context.Background(), &provider.Call{Arguments: []byte(`[]`)})
		told(t, err, codes.InvalidArgument, "no JSON object")
	}
}

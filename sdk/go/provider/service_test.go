package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// patience is what a test waits for what has to come, also on a busy machine.
const patience = 60 * time.Second

// same compares two JSON texts by their values.
func same(t *testing.T, got, want string) {
	t.Helper()
	var gotValue, wantValue any
	if err := json.Unmarshal([]byte(got), &gotValue); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wantValue); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(gotValue, wantValue) {
		t.Errorf("%s\nis not\n%s", got, want)
	}
}

func background(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// faultLog keeps what callers learn nothing of.
type faultLog struct {
	mu    sync.Mutex
	texts []string
}

func (l *faultLog) add(what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, _, _ := strings.Cut(err.Error(), "\n")
	l.texts = append(l.texts, what+": "+text)
}

func (l *faultLog) sorted() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	texts := append([]string{}, l.texts...)
	sort.Strings(texts)
	return texts
}

// openServer serves a provider over a socket, and connects to it as a router does.
func openServer(t *testing.T, provider *Provider, token string) (*grpc.ClientConn, *server, *faultLog) {
	t.Helper()
	if err := provider.Validate(); err != nil {
		t.Fatal(err)
	}
	faults := &faultLog{}
	server := newServer(func() *Provider { return provider }, token, faults.add)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.serve(listener) }()
	conn, err := grpc.Dial(listener.Addr().String(), grpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.close()
	})
	return conn, server, faults
}

// openService is openServer where only the provider's methods are of interest.
func openService(t *testing.T, provider *Provider) (providerv1.ProviderServiceClient, *faultLog) {
	t.Helper()
	conn, _, faults := openServer(t, provider, "")
	return providerv1.NewProviderServiceClient(conn), faults
}

func queriesOf(keys ...string) *providerv1.FetchRequest {
	request := &providerv1.FetchRequest{}
	for _, key := range keys {
		request.Queries = append(request.Queries, &providerv1.FetchQuery{Type: "Ticket", Key: key})
	}
	return request
}

// fetch returns what came, message by message.
func fetch(t *testing.T, client providerv1.ProviderServiceClient, request *providerv1.FetchRequest) [][]*providerv1.FetchResult {
	t.Helper()
	stream, err := client.Fetch(background(t), request)
	if err != nil {
		t.Fatal(err)
	}
	var messages [][]*providerv1.FetchResult
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return messages
		}
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, message.Results)
	}
}

// fetchAll returns the results by index; each query has one.
func fetchAll(t *testing.T, client providerv1.ProviderServiceClient, request *providerv1.FetchRequest) []*providerv1.FetchResult {
	t.Helper()
	results := make([]*providerv1.FetchResult, len(request.Queries))
	for _, message := range fetch(t, client, request) {
		for _, result := range message {
			if results[result.Index] != nil {
				t.Errorf("query %d has two results", result.Index)
			}
			results[result.Index] = result
		}
	}
	return results
}

func withFetch(fetch FetchFunc) *Provider {
	provider := helpdesk()
	provider.Contexts[0].Fetch = fetch
	return provider
}

func TestEachQueryOfABatchStandsAlone(t *testing.T) {
	client, faults := openService(t, withFetch(func(_ context.Context, query Query) (*Content, error) {
		switch query.Key {
		case "none":
			return nil, nil
		case "absent":
			return nil, fmt.Errorf("looked for: %w", ErrNotFound)
		case "refused":
			return nil, &Error{Code: codes.Unavailable, Text: strings.Repeat("ü", 2_000), RetryDelay: time.Second}
		case "crash":
			return nil, errors.New("secret words")
		case "panic":
			panic("secret panic")
		case "function":
			return &Content{Value: func() {}}, nil
		case "quality":
			return &Content{Value: 1, Quality: Quality(2)}, nil
		default:
			return &Content{Value: map[string]string{"key": "<" + query.Key + ">"}}, nil
		}
	}))
	request := queriesOf("a", "none", "absent", "refused", "crash", "panic", "function", "quality", "b")
	request.Queries = append(request.Queries, &providerv1.FetchQuery{Type: "Other", TypeVersion: "1.0.0", Key: "x"})
	results := fetchAll(t, client, request)
	content := results[0].GetContent()
	if string(content.GetPayload()) != `{"key":"<a>"}` || content.ContentType != "application/json" || len(content.Etag) != etagChars {
		t.Error(content)
	}
	if results[1].GetNotFound() == nil || results[2].GetNotFound() == nil || results[8].GetContent() == nil {
		t.Error(results)
	}
	refused := results[3].GetFailure()
	if refused.Code != uint32(codes.Unavailable) || refused.Text != strings.Repeat("ü", 1_000) || refused.RetryDelay.AsDuration() != time.Second {
		t.Error(refused)
	}
	for _, index := range []int{4, 5, 6, 7} {
		if failure := results[index].GetFailure(); failure.GetCode() != uint32(codes.Internal) || failure.Text != internalText {
			t.Error(index, failure)
		}
	}
	if results[9].GetFailure().GetCode() != uint32(codes.Unimplemented) {
		t.Error(results[9])
	}
	eventually(t, func() bool { return len(faults.sorted()) == 4 })
	if got := strings.Join(faults.sorted(), "|"); !strings.Contains(got, "Ticket/crash: secret words|") ||
		!strings.Contains(got, "Ticket/panic: panic: secret panic") {
		t.Error(got)
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to that")
		}
	}
}

func TestASlowValueHoldsUpNoOther(t *testing.T) {
	slow := make(chan struct{})
	client, _ := openService(t, withFetch(func(_ context.Context, query Query) (*Content, error) {
		if query.Key == "slow" {
			<-slow
		}
		return &Content{Value: query.Key}, nil
	}))
	stream, err := client.Fetch(background(t), queriesOf("slow", "quick"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil || len(first.Results) != 1 || first.Results[0].Index != 1 {
		t.Fatal(first, err)
	}
	close(slow)
	if second, err := stream.Recv(); err != nil || second.Results[0].Index != 0 {
		t.Fatal(second, err)
	}
}

func TestSixtyFourQueriesRunAtOnce(t *testing.T) {
	var mu sync.Mutex
	var once sync.Once
	running, most := 0, 0
	full := make(chan struct{})
	client, _ := openService(t, withFetch(func(ctx context.Context, query Query) (*Content, error) {
		mu.Lock()
		running++
		if running > most {
			most = running
		}
		if running == defaultConcurrency {
			once.Do(func() { close(full) })
		}
		mu.Unlock()
		<-full
		mu.Lock()
		defer mu.Unlock()
		running--
		return &Content{Value: 1}, nil
	}))
	keys := make([]string, 100)
	fetchAll(t, client, queriesOf(keys...))
	if most != defaultConcurrency {
		t.Error("at once:", most)
	}
}

func TestFetchManyGetsAllQueriesTogether(t *testing.T) {
	provider := withFetch(nil)
	calls := 0
	provider.Contexts[0].FetchMany = func(_ context.Context, queries []Query) ([]Answer, error) {
		calls++
		if queries[0].Key == "too few" {
			return nil, nil
		}
		answers := make([]Answer, len(queries))
		answers[0].Content = &Content{Value: len(queries)}
		answers[2].Err = Errorf(codes.PermissionDenied, "not %s", "this")
		return answers, nil
	}
	client, faults := openService(t, provider)
	results := fetchAll(t, client, queriesOf("a", "b", "c"))
	if string(results[0].GetContent().GetPayload()) != "3" || results[1].GetNotFound() == nil ||
		results[2].GetFailure().GetText() != "not this" || calls != 1 {
		t.Error(results, calls)
	}
	if failed := fetchAll(t, client, queriesOf("too few")); failed[0].GetFailure().GetText() != internalText {
		t.Error(failed)
	}
	eventually(t, func() bool { return len(faults.sorted()) == 1 })
}

func TestAKeyOutsideOfThePrefixIsNotThere(t *testing.T) {
	provider := withFetch(func(context.Context, Query) (*Content, error) { return &Content{Value: 1}, nil })
	provider.Contexts[0].KeyPrefix = "p/"
	client, _ := openService(t, provider)
	results := fetchAll(t, client, queriesOf("p/a", "q"))
	if results[0].GetContent() == nil || results[1].GetNotFound() == nil {
		t.Error(results)
	}
}

func TestAValueThatHasNotChangedIsNotSent(t *testing.T) {
	client, _ := openService(t, withFetch(func(_ context.Context, query Query) (*Content, error) {
		switch query.Key {
		case "own":
			return &Content{Value: 1, Etag: "e1", TTL: time.Second}, nil
		case "said":
			return &Content{NotModified: true, TTL: -1}, nil
		default:
			return &Content{Value: "the same"}, nil
		}
	}))
	request := queriesOf("own", "said", "hashed", "said")
	request.Queries[0].KnownEtag = "e1"
	request.Queries[1].KnownEtag = "any"
	request.Queries[2].KnownEtag = etagOf([]byte("the same"))
	results := fetchAll(t, client, request)
	if ttl := results[0].GetNotModified().GetTtl(); ttl.AsDuration() != time.Second {
		t.Error(results[0])
	}
	if ttl := results[1].GetNotModified().GetTtl(); ttl == nil || ttl.AsDuration() != 0 {
		t.Error(results[1])
	}
	if results[2].GetNotModified() == nil || results[3].GetFailure() == nil {
		t.Error(results[2], results[3])
	}
}

// source is a reader that knows whether it was closed.
type source struct {
	io.Reader
	closed chan struct{}
}

func (s *source) Close() error {
	close(s.closed)
	return nil
}

func TestLargeValuesGoInParts(t *testing.T) {
	const size = 5<<20 + 7
	whole := bytes.Repeat([]byte("0123456"), size/7+1)[:size]
	read := &source{bytes.NewReader(whole), make(chan struct{})}
	client, _ := openService(t, withFetch(func(_ context.Context, query Query) (*Content, error) {
		if query.Key == "bytes" {
			return &Content{Value: whole}, nil
		}
		return &Content{Value: read, SizeBytes: size, ContentType: "image/png"}, nil
	}))
	got := map[uint32][]byte{}
	for _, message := range fetch(t, client, queriesOf("bytes", "reader")) {
		for _, result := range message {
			if content := result.GetContent(); content != nil && content.TotalBytes != size {
				t.Error("announced:", content.TotalBytes)
			}
			part := result.GetPart().GetData()
			if len(part) > 1<<20 {
				t.Error("a part of", len(part))
			}
			got[result.Index] = append(got[result.Index], part...)
		}
	}
	if !bytes.Equal(got[0], whole) || !bytes.Equal(got[1], whole) {
		t.Error("other bytes came:", len(got[0]), len(got[1]))
	}
	<-read.closed
}

func TestAReaderThatIsNotAsItSaidFailsItsQueryAlone(t *testing.T) {
	client, faults := openService(t, withFetch(func(_ context.Context, query Query) (*Content, error) {
		content := &Content{Value: strings.NewReader(strings.Repeat("x", 600_000)), SizeBytes: 600_000}
		switch query.Key {
		case "short":
			content.SizeBytes++
		case "long":
			content.SizeBytes--
		case "unsized":
			content.SizeBytes = 0
		case "empty":
			content = &Content{Value: strings.NewReader("")}
		}
		return content, nil
	}))
	last := map[uint32]*providerv1.FetchResult{}
	for _, message := range fetch(t, client, queriesOf("fine", "short", "long", "unsized", "empty")) {
		for _, result := range message {
			last[result.Index] = result
		}
	}
	if last[0].GetPart() == nil || last[4].GetContent() == nil {
		t.Error(last[0], last[4])
	}
	for _, index := range []uint32{1, 2, 3} {
		if last[index].GetFailure() == nil {
			t.Error(index, last[index])
		}
	}
	eventually(t, func() bool { return len(faults.sorted()) == 3 })
}

func TestCancellationReachesTheFunction(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	client, faults := openService(t, withFetch(func(ctx context.Context, _ Query) (*Content, error) {
		close(began)
		<-ctx.Done()
		defer close(ended)
		return nil, ctx.Err()
	}))
	ctx, cancel := context.WithCancel(background(t))
	if _, err := client.Fetch(ctx, queriesOf("a")); err != nil {
		t.Fatal(err)
	}
	<-began
	cancel()
	<-ended
	if len(faults.sorted()) != 0 {
		t.Error(faults.sorted())
	}
}

func TestListsArePaged(t *testing.T) {
	provider := helpdesk()
	provider.Contexts[0].List = func(_ context.Context, query ListQuery) (ListPage, error) {
		switch query.Text {
		case "crash":
			return ListPage{}, errors.New("secret words")
		case "refuse":
			return ListPage{}, &Error{Code: codes.Unavailable, Text: "in maintenance", RetryDelay: time.Second}
		case "too many":
			return ListPage{Entries: make([]ListEntry, query.PageSize+1)}, nil
		}
		entry := ListEntry{Key: query.KeyPrefix + query.PageToken + fmt.Sprint(query.PageSize), Sensitivity: "public"}
		return ListPage{Entries: []ListEntry{entry}, NextPageToken: "more"}, nil
	}
	client, faults := openService(t, provider)
	list := func(text string, size int32) (*providerv1.ListResponse, error) {
		request := &providerv1.ListRequest{Type: "Ticket", KeyPrefix: "k", PageToken: "t", Query: text, PageSize: size}
		return client.List(background(t), request)
	}
	for size, want := range map[int32]string{0: "kt50", 7: "kt7", 9_999: "kt500"} {
		page, err := list("", size)
		if err != nil || page.Entries[0].Key != want || page.NextPageToken != "more" {
			t.Error(page, err)
		}
	}
	for text, code := range map[string]codes.Code{
		"crash": codes.Internal, "refuse": codes.Unavailable, "too many": codes.Internal,
	} {
		_, err := list(text, 5)
		if status.Code(err) != code || strings.Contains(err.Error(), "secret") {
			t.Error(text, err)
		}
		if details := status.Convert(err).Details(); (len(details) == 1) != (text == "refuse") {
			t.Error(text, details)
		}
	}
	if len(faults.sorted()) != 2 {
		t.Error(faults.sorted())
	}
	if _, err := client.List(background(t), &providerv1.ListRequest{Type: "Other"}); status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
}

// call returns what came of a call, as short texts.
func call(t *testing.T, client providerv1.ProviderServiceClient, request *providerv1.CallRequest) []string {
	t.Helper()
	stream, err := client.Call(background(t), request)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		switch message := message.Message.(type) {
		case *providerv1.CallResponse_Progress:
			got = append(got, fmt.Sprint(message.Progress.Progress, "/", message.Progress.GetTotal()))
		case *providerv1.CallResponse_Log:
			got = append(got, string(message.Log.Data))
		case *providerv1.CallResponse_Result:
			content := message.Result.Content
			got = append(got, fmt.Sprint(content.ContentType, " ", string(content.Payload), " ", message.Result.IsError))
		case *providerv1.CallResponse_Failure:
			got = append(got, fmt.Sprint(codes.Code(message.Failure.Code), " ", message.Failure.Text))
		}
	}
}

func TestOperationsAreCalled(t *testing.T) {
	type summands struct{ A, B int }
	provider := &Provider{Name: "p", Version: "1.0.0", Operations: []Operation{
		{Name: "add", Call: Typed(func(_ context.Context, call *Call, given summands) (int, error) {
			call.Progress(1, 2, "")
			call.Log(SeverityInfo, "dropped")
			call.Log(SeverityError, "said")
			return given.A + given.B, nil
		})},
		{Name: "pieces", Call: func(context.Context, *Call) (any, error) {
			return &ToolContent{Content: []any{}, IsError: true}, nil
		}},
		{Name: "prompt", Kind: Prompt, Call: idle},
		{Name: "crash", Call: func(context.Context, *Call) (any, error) { panic("secret words") }},
		{Name: "refuse", Call: func(context.Context, *Call) (any, error) { return nil, ErrNotFound }},
	}}
	client, faults := openService(t, provider)
	for _, each := range []struct {
		request *providerv1.CallRequest
		want    string
	}{
		{&providerv1.CallRequest{Operation: "add", Arguments: []byte(`{"a":1,"b":2}`)}, `[application/json 3 false]`},
		{
			&providerv1.CallRequest{Operation: "add", WantsProgress: true, MinSeverity: providerv1.Severity_SEVERITY_WARNING},
			`[1/2 "said" application/json 0 false]`,
		},
		{
			&providerv1.CallRequest{Operation: "add", Arguments: []byte(`{"a":"one"}`)},
			"[InvalidArgument the arguments do not fit: json: cannot unmarshal string into Go struct field summands.A of type int]",
		},
		{&providerv1.CallRequest{Operation: "add", Arguments: []byte(`{`)}, "[InvalidArgument the arguments are not JSON]"},
		{&providerv1.CallRequest{Operation: "pieces"}, `[application/vnd.weir.tool-result+json {"content":[],"isError":true} true]`},
		{&providerv1.CallRequest{Operation: "prompt"}, `[application/vnd.weir.prompt+json null false]`},
		{&providerv1.CallRequest{Operation: "crash"}, "[Internal the provider failed]"},
		{&providerv1.CallRequest{Operation: "refuse"}, "[NotFound there is no such key]"},
		{&providerv1.CallRequest{Operation: "none"}, "[NotFound this provider has no operation none]"},
	} {
		if got := fmt.Sprint(call(t, client, each.request)); got != each.want {
			t.Errorf("%s\n%s", got, each.want)
		}
	}
	if len(faults.sorted()) != 1 {
		t.Error(faults.sorted())
	}
}

func TestTheCallerIsTold(t *testing.T) {
	var got Caller
	client, _ := openService(t, withFetch(func(_ context.Context, query Query) (*Content, error) {
		got = query.Caller
		return nil, nil
	}))
	request := queriesOf("a")
	request.Caller = &providerv1.Caller{Tenant: "acme", Principal: "ann"}
	fetchAll(t, client, request)
	if got.Tenant != "acme" || got.Principal != "ann" || got.Attributes == nil {
		t.Error(got)
	}
}

func TestATokenIsAskedOfRoutersAndNotForHealth(t *testing.T) {
	conn, server, _ := openServer(t, helpdesk(), "open sesame")
	client := providerv1.NewProviderServiceClient(conn)
	for token, want := range map[string]codes.Code{
		"": codes.Unauthenticated, "Bearer no": codes.Unauthenticated, "Bearer open sesame": codes.OK,
	} {
		ctx := metadata.AppendToOutgoingContext(background(t), "authorization", token)
		described, err := client.Describe(ctx, &providerv1.DescribeRequest{})
		if status.Code(err) != want || (err == nil && described.Name != "helpdesk") {
			t.Error(token, described, err)
		}
		stream, err := client.Fetch(ctx, queriesOf("a"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != want {
			t.Error(token, err)
		}
	}
	health := healthv1.NewHealthClient(conn)
	for _, want := range []healthv1.HealthCheckResponse_ServingStatus{
		healthv1.HealthCheckResponse_SERVING, healthv1.HealthCheckResponse_NOT_SERVING,
	} {
		for _, service := range []string{"", serviceName} {
			checked, err := health.Check(background(t), &healthv1.HealthCheckRequest{Service: service})
			if err != nil || checked.Status != want {
				t.Error(service, checked, err)
			}
		}
		server.stopServing()
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/weir/weir-go"
	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

const (
	version    = "1.0.0"
	onPurpose  = "refused on purpose"
	entryCount = 120
)

// serve serves the provider of sdk/conformance/README.md until the context is done or stdin ends.
func serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	err := provider.Serve(ctx, probes(), provider.ServeOptions{OnEvent: func(event provider.Event) {
		if event.Kind == provider.Registered {
			say(map[string]any{"event": "registered"})
		} else {
			fmt.Fprintln(os.Stderr, event.Kind, event.Text, event.Err)
		}
	}})
	var refused *weir.CallError
	if errors.As(err, &refused) {
		said := map[string]any{"event": "refused", "code": codeName(refused.Code)}
		if refused.Reason != "" {
			said["reason"] = refused.Reason
		}
		say(said)
	}
	return err
}

func say(what any) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func probes() *provider.Provider {
	object := `{"type": "object"}`
	calls := &counter{counts: map[string]int{}}
	return &provider.Provider{
		Name:    os.Getenv("WEIR_PROVIDER"),
		Version: version,
		Contexts: []provider.Context{
			{
				Type: "Probe", Version: version, Sensitivity: weir.Public,
				Schema: `{"type": ["object", "string"]}`, Fetch: fetchProbe, List: listProbes,
			},
			{
				Type: "Batch", Version: version, Sensitivity: weir.Public, Schema: object, FetchMany: fetchBatch,
			},
			{
				Type: "Kept", Version: version, Sensitivity: weir.Public, Schema: object, TTL: time.Minute,
				Fetch: calls.fetch,
			},
		},
		Operations: operations(),
	}
}

func fetchProbe(ctx context.Context, query provider.Query) (*provider.Content, error) {
	if strings.HasPrefix(query.Key, "missing") {
		return nil, provider.ErrNotFound
	}
	kind, rest, _ := strings.Cut(query.Key, "/")
	switch kind {
	case "refuse", "busy":
		code, err := codeOf(rest)
		if err != nil {
			return nil, err
		}
		refused := &provider.Error{Code: code, Text: onPurpose}
		if kind == "busy" {
			refused.RetryDelay = 1234 * time.Millisecond
		}
		return nil, refused
	case "crash":
		return nil, errors.New("secret words")
	case "slow":
		if err := pause(ctx, rest); err != nil {
			return nil, err
		}
	case "big":
		return big(rest)
	case "text":
		return &provider.Content{Value: "plain words"}, nil
	case "meta":
		return meta(), nil
	}
	value := map[string]any{"key": query.Key, "characters": utf8.RuneCountInString(query.Key)}
	return &provider.Content{Value: value}, nil
}

func pause(ctx context.Context, milliseconds string) error {
	count, err := strconv.Atoi(milliseconds)
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Duration(count) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func big(size string) (*provider.Content, error) {
	count, err := strconv.Atoi(size)
	if err != nil {
		return nil, err
	}
	data := make([]byte, count)
	for at := range data {
		data[at] = byte(at % 251)
	}
	return &provider.Content{Value: data}, nil
}

func meta() *provider.Content {
	return &provider.Content{
		Value:       map[string]any{"key": "meta"},
		ContentType: "application/json",
		Etag:        "e1",
		AsOf:        time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC),
		Quality:     provider.Quality(0.5),
		Source:      "probe.txt:7",
		Labels:      map[string]string{"color": "blue"},
		Owner:       "ann",
		Sensitivity: weir.Internal,
	}
}

func listProbes(_ context.Context, query provider.ListQuery) (provider.ListPage, error) {
	var found []provider.ListEntry
	for at := 0; at < entryCount; at++ {
		entry := provider.ListEntry{Key: fmt.Sprintf("entry-%03d", at), Title: fmt.Sprintf("Entry %d", at)}
		isWanted := strings.Contains(strings.ToLower(entry.Title), strings.ToLower(query.Text))
		if strings.HasPrefix(entry.Key, query.KeyPrefix) && isWanted {
			found = append(found, entry)
		}
	}
	from := 0
	if query.PageToken != "" {
		var err error
		if from, err = strconv.Atoi(query.PageToken); err != nil || from > len(found) {
			return provider.ListPage{}, provider.Errorf(codes.InvalidArgument, "the page token is none of mine")
		}
	}
	if to := from + query.PageSize; to < len(found) {
		return provider.ListPage{Entries: found[from:to], NextPageToken: strconv.Itoa(to)}, nil
	}
	return provider.ListPage{Entries: found[from:]}, nil
}

func fetchBatch(_ context.Context, queries []provider.Query) ([]provider.Answer, error) {
	answers := make([]provider.Answer, len(queries))
	for at := range answers {
		answers[at].Content = &provider.Content{Value: map[string]any{"batch": len(queries)}}
	}
	return answers, nil
}

// counter counts how often each key was asked for.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counter) fetch(_ context.Context, query provider.Query) (*provider.Content, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[query.Key]++
	return &provider.Content{Value: map[string]any{"calls": c.counts[query.Key]}}, nil
}

type summands struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

type target struct {
	To int `json:"to"`
}

type patience struct {
	Milliseconds int `json:"ms"`
}

func operations() []provider.Operation {
	return []provider.Operation{
		{
			Name:     "add",
			ReadOnly: true,
			Input: `{
				"type": "object",
				"properties": {"a": {"type": "number"}, "b": {"type": "number"}},
				"required": ["a", "b"]
			}`,
			Call: provider.Typed(func(_ context.Context, _ *provider.Call, given summands) (any, error) {
				return map[string]any{"sum": given.A + given.B}, nil
			}),
		},
		{Name: "count", Call: provider.Typed(count)},
		{Name: "fail", Call: func(context.Context, *provider.Call) (any, error) {
			why := map[string]any{"why": "on purpose"}
			return &provider.ToolContent{Content: []any{}, StructuredContent: why, IsError: true}, nil
		}},
		{Name: "refuse", Call: func(context.Context, *provider.Call) (any, error) {
			return nil, provider.Errorf(codes.FailedPrecondition, onPurpose)
		}},
		{Name: "crash", Call: func(context.Context, *provider.Call) (any, error) {
			return nil, errors.New("secret words")
		}},
		{Name: "wait", Call: provider.Typed(func(ctx context.Context, _ *provider.Call, given patience) (any, error) {
			return map[string]any{"waited": given.Milliseconds}, pause(ctx, strconv.Itoa(given.Milliseconds))
		})},
	}
}

func count(_ context.Context, call *provider.Call, given target) (any, error) {
	for at := 1; at <= given.To; at++ {
		call.Progress(float64(at), float64(given.To), "")
	}
	return map[string]any{"counted": given.To}, nil
}

package weirtest_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weir/weir-go"
	"github.com/weir/weir-go/provider"
	"github.com/weir/weir-go/weirtest"
	"google.golang.org/grpc/codes"
)

type greeting struct {
	Text string `json:"text"`
}

func greeter() *provider.Provider {
	return &provider.Provider{
		Name: "greeter", Version: "1.0.0",
		Contexts: []provider.Context{
			{
				Type: "Greeting", Version: "1.0.0",
				Fetch: provider.ByKey(func(_ context.Context, key string) (*greeting, error) {
					switch key {
					case "nobody":
						return nil, nil
					case "crash":
						return nil, errors.New("secret words")
					}
					return &greeting{Text: "Hello " + key}, nil
				}),
				List: func(_ context.Context, query provider.ListQuery) (provider.ListPage, error) {
					return provider.ListPage{Entries: []provider.ListEntry{{Key: query.KeyPrefix + query.Caller.Tenant}}}, nil
				},
			},
			{
				Type: "Large", Version: "1.0.0",
				Fetch: func(context.Context, provider.Query) (*provider.Content, error) {
					return &provider.Content{Value: bytes.Repeat([]byte("x"), 6_000_000), TTL: time.Minute, Sensitivity: weir.Public}, nil
				},
			},
		},
		Operations: []provider.Operation{
			{Name: "wave", Call: func(_ context.Context, call *provider.Call) (any, error) {
				call.Progress(1, 0, "waving")
				return map[string]string{"waved": "yes"}, nil
			}},
			{Name: "refuse", Call: func(context.Context, *provider.Call) (any, error) {
				return nil, provider.Errorf(codes.FailedPrecondition, "not today")
			}},
		},
	}
}

func TestFetch(t *testing.T) {
	under := weirtest.Open(t, greeter())
	ctx := context.Background()
	content, err := under.Fetch(ctx, "Greeting", "Ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	var value greeting
	if err := content.JSON(&value); err != nil || value.Text != "Hello Ann" {
		t.Error(value, err)
	}
	known, err := under.Query(ctx, "Greeting", "Ann", &weirtest.Options{KnownEtag: content.Etag})
	if err != nil || !known.NotModified {
		t.Error(known, err)
	}
}

func TestFetchSaysWhyThereIsNothing(t *testing.T) {
	under := weirtest.Open(t, greeter())
	for key, want := range map[string]weir.Reason{"nobody": "KEY_NOT_FOUND", "crash": "PROVIDER_FAILED"} {
		_, err := under.Fetch(context.Background(), "Greeting", key, nil)
		var refused *weir.ItemRefused
		if !errors.As(err, &refused) || refused.Reason != want {
			t.Error(key, err)
		}
	}
	for end := time.Now().Add(time.Minute); len(under.Faults()) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if faults := under.Faults(); len(faults) != 1 || faults[0].What != "Greeting/crash" {
		t.Error(faults)
	}
}

func TestALargeValueIsPutTogether(t *testing.T) {
	content, err := weirtest.Open(t, greeter()).Fetch(context.Background(), "Large", "x", nil)
	if err != nil || len(content.Bytes) != 6_000_000 || *content.TTL != time.Minute || content.Sensitivity != weir.Public {
		t.Error(err, content)
	}
}

func TestList(t *testing.T) {
	page, err := weirtest.Open(t, greeter()).List(context.Background(), "Greeting", provider.ListQuery{KeyPrefix: "for-"})
	if err != nil || page.Entries[0].Key != "for-test" {
		t.Error(page, err)
	}
}

func TestCall(t *testing.T) {
	under := weirtest.Open(t, greeter())
	result, err := under.Call(context.Background(), "wave", nil)
	if err != nil || len(result.Progress) != 1 || result.Progress[0].Text != "waving" {
		t.Fatal(result, err)
	}
	var value map[string]string
	if err := result.JSON(&value); err != nil || value["waved"] != "yes" {
		t.Error(value, err)
	}
	var refused *weir.CallError
	if _, err := under.Call(context.Background(), "refuse", nil); !errors.As(err, &refused) || refused.Text != "not today" {
		t.Error(err)
	}
}

package weir

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	errorsv1 "github.com/weir/weir-go/gen/weir/errors/v1"
	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestOutcomesStandInTheOrderOfTheRefs(t *testing.T) {
	fake := &fakeWeir{fetch: func(_ context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		return &routerv1.FetchContextResponse{Results: []*contextv1.ItemResult{
			refusalResult(1, codes.NotFound, errorsv1.Reason_REASON_KEY_NOT_FOUND),
			itemResult(0, `{"title":"a"}`),
			itemResult(2, `{broken`),
		}}, nil
	}}
	outcomes, err := openFake(t, fake).Fetch(background(t), refsLike(4), nil)
	if err != nil {
		t.Fatal(err)
	}
	var value struct{ Title string }
	if err := outcomes[0].Item.JSON(&value); err != nil || value.Title != "a" || outcomes[0].Cache != CacheHitMemory {
		t.Error(err, value, outcomes[0].Cache)
	}
	for at, want := range map[int]Reason{1: "KEY_NOT_FOUND", 2: "PROVIDER_GARBAGE", 3: "INTERNAL"} {
		var refused *ItemRefused
		if err := outcomes[at].Err(); !errors.As(err, &refused) || refused.Reason != want || refused.Ref.Key != outcomes[at].Ref.Key {
			t.Errorf("outcome %d is %v, not %s", at, err, want)
		}
	}
}

func TestAnItemTellsWhatIsKnownOfIt(t *testing.T) {
	quality, judged := 0.75, 0.5
	asOf := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	fake := &fakeWeir{fetch: func(context.Context, *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		result := itemResult(0, "plain words")
		result.Quality, result.Redacted, result.Age = &quality, true, durationpb.New(time.Second)
		item := result.GetItem()
		item.ContentType, item.Version, item.Etag = "text/plain", "1.2.3", "e"
		item.AsOf, item.Ttl = timestamppb.New(asOf), durationpb.New(time.Minute)
		item.Sensitivity, item.Quality = contextv1.Sensitivity_SENSITIVITY_RESTRICTED, &judged
		item.Provenance = &contextv1.Provenance{Provider: "p", ProviderVersion: "2.0.0", Source: "f:7", Cleaned: []string{"whitespace"}}
		item.Labels, item.Owner = map[string]string{"color": "blue"}, "ann"
		return &routerv1.FetchContextResponse{Results: []*contextv1.ItemResult{result}}, nil
	}}
	item, err := openFake(t, fake).Get(background(t), "Probe", "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(item, item.ContentType, item.Version, item.Etag, item.AsOf, item.TTL, item.Sensitivity, *item.Quality,
		*item.Judgement, item.Provenance, item.Labels, item.Owner, item.Redacted)
	want := fmt.Sprint("plain words", "text/plain", "1.2.3", "e", asOf, time.Minute, Restricted, 0.75,
		0.5, Provenance{"p", "2.0.0", "f:7", []string{"whitespace"}}, map[string]string{"color": "blue"}, "ann", true)
	if got != want {
		t.Errorf("%s\n%s", got, want)
	}
	if value, err := item.Value(); err != nil || value != "plain words" {
		t.Error(value, err)
	}
}

func TestGetOfATypeParsesIt(t *testing.T) {
	fake := &fakeWeir{fetch: func(context.Context, *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		return &routerv1.FetchContextResponse{Results: []*contextv1.ItemResult{itemResult(0, `{"title":"fire"}`)}}, nil
	}}
	type ticket struct{ Title string }
	got, err := Get[ticket](background(t), openFake(t, fake), "Ticket", "1")
	if err != nil || got.Title != "fire" {
		t.Error(got, err)
	}
}

func TestManyRefsTravelInCallsOf256(t *testing.T) {
	var mu sync.Mutex
	sizes := map[int]int{}
	fake := &fakeWeir{fetch: func(ctx context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		mu.Lock()
		sizes[len(request.Refs)]++
		mu.Unlock()
		return echo(ctx, request)
	}}
	refs := refsLike(600)
	outcomes, err := openFake(t, fake).Fetch(background(t), refs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at, outcome := range outcomes {
		if outcome.Item == nil || outcome.Item.String() != `"`+refs[at].Key+`"` || outcome.Index != at {
			t.Fatal(at, outcome)
		}
	}
	if sizes[256] != 2 || sizes[88] != 1 {
		t.Error(sizes)
	}
}

func TestWhatIsOverTheBudgetIsAskedForAgain(t *testing.T) {
	const room = 3
	fake := &fakeWeir{fetch: func(_ context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		answer := &routerv1.FetchContextResponse{}
		for index, ref := range request.Refs {
			if index >= room || ref.Key == "huge" {
				answer.Results = append(answer.Results,
					refusalResult(index, codes.ResourceExhausted, errorsv1.Reason_REASON_RESPONSE_BUDGET))
			} else {
				answer.Results = append(answer.Results, itemResult(index, `1`))
			}
		}
		return answer, nil
	}}
	refs := refsLike(20)
	refs[7].Key = "huge"
	outcomes, err := openFake(t, fake).Fetch(background(t), refs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at, outcome := range outcomes {
		if (outcome.Item == nil) != (at == 7) {
			t.Errorf("%d: %+v", at, outcome)
		}
	}
}

func TestFetchOptionsAreSent(t *testing.T) {
	var got *routerv1.FetchContextRequest
	fake := &fakeWeir{fetch: func(ctx context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
		got = request
		return echo(ctx, request)
	}}
	client := openClient(t, Options{URL: serveFake(t, fake), MinQuality: 0.25})
	ref := Ref{Type: "Probe", Key: "a", VersionRange: "^1", Provider: "p"}
	options := &FetchOptions{ItemTimeout: time.Second, MaxAge: -1, ConsistencyToken: "t", Purpose: "support"}
	if _, err := client.GetRef(background(t), ref, options); err != nil {
		t.Fatal(err)
	}
	if got.ItemTimeout.AsDuration() != time.Second || got.MaxAge == nil || got.MaxAge.AsDuration() != 0 ||
		got.MinQuality != 0.25 || got.ConsistencyToken != "t" || got.Purpose != "support" || refOf(got.Refs[0]) != ref {
		t.Error(got)
	}
}

func TestAListComesPageByPage(t *testing.T) {
	gaps := 0
	fake := &fakeWeir{list: func(request *routerv1.ListContextRequest) (*routerv1.ListContextResponse, error) {
		entry := &routerv1.ContextEntry{Ref: &contextv1.ContextRef{Type: "Probe", Key: request.PageToken}, Title: "T"}
		page := &routerv1.ListContextResponse{Entries: []*routerv1.ContextEntry{entry}}
		switch request.PageToken {
		case "":
			page.NextPageToken = "2"
			page.Gaps = []*routerv1.ListGap{{Provider: "p", Refusal: &contextv1.Refusal{Text: "away"}}}
		case "2":
			page.Entries, page.NextPageToken = nil, "3"
		}
		return page, nil
	}}
	list := openFake(t, fake).List(background(t), ListOptions{Type: "Probe", OnGap: func(Gap) { gaps++ }})
	var keys []string
	for list.Next() {
		keys = append(keys, list.Value().Ref.Key)
	}
	if list.Err() != nil || fmt.Sprint(keys) != "[ 3]" || gaps != 1 {
		t.Error(list.Err(), keys, gaps)
	}
}

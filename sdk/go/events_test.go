package weir

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	eventsv1 "github.com/weir/weir-go/gen/weir/events/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAPublishIsTriedAgainUnderOneName(t *testing.T) {
	var names []string
	var got *eventsv1.Event
	fake := &fakeWeir{publish: func(request *eventsv1.PublishRequest) (*eventsv1.PublishResponse, error) {
		names = append(names, request.IdempotencyKey)
		got = request.Events[0]
		if len(names) == 1 {
			return nil, errAway
		}
		return &eventsv1.PublishResponse{Ids: []string{"e-1"}, ConsistencyToken: "t"}, nil
	}}
	client := openFake(t, fake)
	event := NewEvent{Topic: "page.updated", Key: "k", Data: map[string]any{"a": "<b>"}, Refs: refsLike(1), Sensitivity: Public}
	published, err := client.Publish(background(t), []NewEvent{event}, nil)
	if err != nil || published.IDs[0] != "e-1" || published.ConsistencyToken != "t" {
		t.Fatal(published, err)
	}
	if len(names) != 2 || names[0] != names[1] || names[0] == "" {
		t.Error(names)
	}
	if string(got.Data) != `{"a":"<b>"}` || got.ContentType != "application/json" || len(got.Refs) != 1 {
		t.Error(got)
	}
	if _, err := client.Publish(background(t), []NewEvent{{Topic: "t"}}, &PublishOptions{IdempotencyKey: "mine"}); err != nil || names[2] != "mine" {
		t.Error(err, names)
	}
}

func TestWhatHasNoJSONIsNotPublished(t *testing.T) {
	client := openFake(t, &fakeWeir{})
	for _, event := range []NewEvent{{Topic: "t", Data: func() {}}, {Topic: "t", Sensitivity: "secret"}} {
		var failure *CallError
		if _, err := client.Publish(background(t), []NewEvent{event}, nil); err == nil || errors.As(err, &failure) {
			t.Error(err)
		}
	}
}

func delivered(position uint64, refs ...string) *eventsv1.DeliveredEvent {
	event := &eventsv1.Event{Topic: "t", Data: []byte(fmt.Sprint(position))}
	told := &eventsv1.DeliveredEvent{Event: event, Position: position}
	for index, key := range refs {
		event.Refs = append(event.Refs, &contextv1.ContextRef{Type: "Probe", Key: key})
		told.Items = append(told.Items, itemResult(index, `"`+key+`"`))
	}
	return told
}

func message(cursor string, events ...*eventsv1.DeliveredEvent) *eventsv1.SubscribeResponse {
	return &eventsv1.SubscribeResponse{Events: events, Cursor: cursor}
}

func TestASubscriptionGoesOnFromItsCursor(t *testing.T) {
	var cursors []string
	fake := &fakeWeir{}
	fake.subscribe = func(request *eventsv1.SubscribeRequest, stream eventsv1.EventService_SubscribeServer) error {
		cursors = append(cursors, request.Cursor)
		switch fake.counted() {
		case 1:
			_ = stream.Send(message("c1", delivered(1, "a"), delivered(2)))
			return errAway
		case 2:
			return status.Error(codes.Unavailable, "still away")
		case 3:
			// One comes twice, and an empty message leads on.
			_ = stream.Send(message("c2", delivered(2), delivered(3)))
			return stream.Send(message("c3"))
		default:
			return stream.Send(message("c4", delivered(4)))
		}
	}
	var passed []string
	breaks := 0
	events := openFake(t, fake).Subscribe(background(t), []string{"t"}, &SubscribeOptions{
		FromEarliest: true, Fetch: true,
		OnCursor: func(cursor string) { passed = append(passed, cursor) },
		OnBreak:  func(*CallError) { breaks++ },
	})
	defer events.Close()
	var got []string
	for len(got) < 4 && events.Next() {
		event := events.Value()
		got = append(got, fmt.Sprintf("%s@%s:%d", event.Data, event.Cursor, len(event.Items)))
	}
	if events.Err() != nil || fmt.Sprint(got) != "[1@:1 2@c1:0 3@c2:0 4@c4:0]" {
		t.Error(events.Err(), got)
	}
	if fmt.Sprint(cursors) != "[ c1 c1 c3]" || fmt.Sprint(passed) != "[c1 c2 c3]" || breaks != 3 {
		t.Error(cursors, passed, breaks)
	}
}

func TestASilentSubscriptionIsTakenUpAgain(t *testing.T) {
	before := silenceMax
	silenceMax = 100 * time.Millisecond
	defer func() { silenceMax = before }()
	fake := &fakeWeir{}
	fake.subscribe = func(_ *eventsv1.SubscribeRequest, stream eventsv1.EventService_SubscribeServer) error {
		if fake.counted() > 1 {
			_ = stream.Send(message("c", delivered(1)))
		}
		<-stream.Context().Done()
		return nil
	}
	var broke *CallError
	events := openFake(t, fake).Subscribe(background(t), []string{"t"}, &SubscribeOptions{
		OnBreak: func(failure *CallError) { broke = failure },
	})
	defer events.Close()
	if !events.Next() || broke == nil || broke.Code != codes.Unavailable {
		t.Error(events.Err(), broke)
	}
}

func TestASubscriptionEndsWithWhatWillNotPass(t *testing.T) {
	fake := &fakeWeir{subscribe: func(*eventsv1.SubscribeRequest, eventsv1.EventService_SubscribeServer) error {
		return status.Error(codes.OutOfRange, "not kept any more")
	}}
	events := openFake(t, fake).Subscribe(background(t), []string{"t"}, nil)
	var failure *CallError
	if events.Next() || !errors.As(events.Err(), &failure) || failure.Code != codes.OutOfRange {
		t.Error(events.Err())
	}
}

func TestASubscriptionThatIsCancelledSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(background(t))
	fake := &fakeWeir{subscribe: func(_ *eventsv1.SubscribeRequest, stream eventsv1.EventService_SubscribeServer) error {
		cancel()
		<-stream.Context().Done()
		return nil
	}}
	events := openFake(t, fake).Subscribe(ctx, []string{"t"}, nil)
	if events.Next() || !errors.Is(events.Err(), context.Canceled) {
		t.Error(events.Err())
	}
}

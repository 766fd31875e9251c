package weir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	eventsv1 "github.com/weir/weir-go/gen/weir/events/v1"
	"github.com/weir/weir-go/internal/backoff"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
	"google.golang.org/grpc/codes"
)

// SubscribeOptions say what is delivered, and from where on.
type SubscribeOptions struct {
	// FromEarliest begins with the oldest event that is kept, without a cursor. Default: with what comes.
	FromEarliest bool
	// Cursor is where to go on: the cursor of the last event that was handled. Default: none.
	Cursor string
	// Fetch brings the items of each event's refs, as the subscriber may read them.
	Fetch bool
	// LatestOnly leaves of events of one key that wait only the latest.
	LatestOnly bool
	// MaxPerSecond is the most events in a second; others wait, or give way to later ones of their key.
	// Default: any.
	MaxPerSecond uint32
	// Purpose is what the events are for, as of a fetch. Default: not stated.
	Purpose string
	// OnCursor is told where to go on, each time that all that came up to there was handled; also when events
	// went by that are for others. To be stored by who must not lose any.
	OnCursor func(cursor string)
	// OnBreak is told why the subscription broke off, before it is taken up again.
	OnBreak func(*CallError)
}

// Event is an event as a subscriber gets it.
type Event struct {
	// Topic is what kind of thing happened, such as "page.updated".
	Topic string
	// Key is what it happened to; empty: to nothing in particular.
	Key string
	// ID is what its publisher calls it, or Weir. An event that comes twice has the same.
	ID string
	// Data is more about it, as it was published.
	Data []byte
	// ContentType is the media type of the data.
	ContentType string
	// Labels are names and values that describe it.
	Labels map[string]string
	// Owner owns it; empty when nobody is named.
	Owner string
	// Sensitivity is how sensitive it is.
	Sensitivity Sensitivity
	// Time is when it happened.
	Time time.Time
	// PublishTime is when it was committed.
	PublishTime time.Time
	// Publisher is the principal that published it.
	Publisher string
	// Position is its position in the log of the tenant; later ones are greater.
	Position uint64
	// Redacted says whether parts of data, labels or owner were hidden from this subscriber.
	Redacted bool
	// Withheld says whether data, labels and owner were left out: parts of them are to be hidden, and cannot be.
	Withheld bool
	// Replaced is how many earlier events of its key gave way to it.
	Replaced uint32
	// Refs are the items that are not any more what they were.
	Refs []Ref
	// Items are the items of the refs, with Fetch. Large values are links, which ReadValue reads.
	Items []Outcome
	// Cursor is where to go on when this event has been handled. Of events that came together only the last
	// one leads past all of them, the others lead before the first: nothing is lost, and some come twice.
	// Empty: begin as this subscription did.
	Cursor string
	// ConsistencyToken makes a fetch that brings it never get an item of the refs as it was before.
	ConsistencyToken string
}

// JSON parses the data into what the argument points to, as json.Unmarshal does.
func (e *Event) JSON(into any) error { return json.Unmarshal(e.Data, into) }

var (
	// silenceMax is how long nothing may come before the connection is held to be lost. Weir sends
	// something every 10 s.
	silenceMax       = 25 * time.Second
	subscribeBackoff = backoff.Backoff{First: 50 * time.Millisecond, Max: 2 * time.Second}
)

// Subscribe yields the events of 1 to 16 topics as they come: "page.updated", "page.*" for all that begin with
// "page.", or "*". It goes on by itself from where it was when Weir stops, cannot be reached, says nothing for
// 25 s or cut it off for being slow; for ever, until it is closed or the context is done. An event comes at
// least once; those of one key come in their order. It fails with a *CallError when it is refused; OutOfRange:
// what came after the cursor is not kept any more; Canceled: the context was cancelled. Nil options are the
// defaults.
func (c *Client) Subscribe(ctx context.Context, topics []string, options *SubscribeOptions) *Iterator[Event] {
	ctx, cancel := context.WithCancel(ctx)
	subscription := &subscription{client: c, ctx: ctx, topics: topics}
	if options != nil {
		subscription.options = *options
	}
	subscription.cursor = subscription.options.Cursor
	return newIterator(subscription.next, cancel)
}

// subscription is a subscription and where it is.
type subscription struct {
	client  *Client
	ctx     context.Context
	topics  []string
	options SubscribeOptions
	// cursor leads past all that was handed on, up to the message before this one.
	cursor   string
	position uint64
	attempt  int
	// stream is the call under way; nil: it is to be made (again).
	stream eventsv1.EventService_SubscribeClient
	leave  context.CancelFunc
	// way is where the call under way goes to.
	way *way
	// message is what came last, and waiting is what of it was not handed on.
	message *eventsv1.SubscribeResponse
	waiting []*eventsv1.DeliveredEvent
}

func (s *subscription) next() (Event, error) {
	for {
		if len(s.waiting) > 0 {
			return s.take(), nil
		}
		s.passed()
		err := s.receive()
		if err == nil {
			continue
		}
		if err := s.untilAgain(err); err != nil {
			return Event{}, err
		}
	}
}

// take hands on the first of the events that wait.
func (s *subscription) take() Event {
	first := s.waiting[0]
	s.waiting = s.waiting[1:]
	s.position = first.Position
	cursor := s.cursor
	if len(s.waiting) == 0 {
		cursor = s.message.Cursor
	}
	return eventOf(first, cursor)
}

// passed is called when all of a message was handled.
func (s *subscription) passed() {
	if s.message == nil {
		return
	}
	s.cursor, s.message = s.message.Cursor, nil
	if s.options.OnCursor != nil {
		s.options.OnCursor(s.cursor)
	}
}

// receive waits for a message, and makes the call before if there is none.
func (s *subscription) receive() error {
	if s.stream == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	silence := time.AfterFunc(silenceMax, s.leave)
	message, err := s.stream.Recv()
	isSilent := !silence.Stop()
	if err != nil {
		s.leave()
		s.stream = nil
		return s.brokenBy(err, isSilent)
	}
	s.attempt = 0
	s.message = message
	for _, event := range message.Events {
		if event.Position > s.position {
			s.waiting = append(s.waiting, event)
		}
	}
	return nil
}

func (s *subscription) begin() error {
	ctx, leave := context.WithCancel(s.ctx)
	start := eventsv1.Start_START_LATEST
	if s.options.FromEarliest {
		start = eventsv1.Start_START_EARLIEST
	}
	request := &eventsv1.SubscribeRequest{
		Topics: s.topics, Cursor: s.cursor, Start: start, Fetch: s.options.Fetch,
		LatestOnly: s.options.LatestOnly, MaxPerSecond: s.options.MaxPerSecond, Purpose: s.options.Purpose,
	}
	s.way = s.client.conn.addresses.here()
	stream, err := s.client.events.Subscribe(ctx, request, endless{})
	if err != nil {
		leave()
		return err
	}
	s.stream, s.leave = stream, leave
	return nil
}

func (s *subscription) brokenBy(err error, isSilent bool) error {
	switch {
	case s.ctx.Err() != nil:
		return overErr(s.ctx)
	case isSilent:
		failure := &CallError{Code: codes.Unavailable, Text: fmt.Sprintf("nothing came for %v", silenceMax)}
		s.client.conn.addresses.leave(s.way, failure)
		return failure
	case errors.Is(err, io.EOF):
		return &CallError{Code: codes.Unavailable, Text: "the subscription ended"}
	default:
		return err
	}
}

// untilAgain waits until a subscription that broke off may be taken up again. It returns an error when it
// may not.
func (s *subscription) untilAgain(err error) error {
	failure := callErrorOf(s.ctx, err)
	if !isBreak(failure) || s.ctx.Err() != nil {
		return failure
	}
	if s.options.OnBreak != nil {
		s.options.OnBreak(failure)
	}
	wait := longer(subscribeBackoff.Wait(s.attempt), failure.RetryDelay)
	s.attempt++
	if backoff.Sleep(s.ctx, wait) != nil {
		return overErr(s.ctx)
	}
	return nil
}

// isBreak says whether a failure is over when one comes back.
func isBreak(failure *CallError) bool {
	return failure.Code == codes.Unavailable ||
		failure.Reason == reasonSubscriberSlow || failure.Reason == reasonRateExceeded
}

func eventOf(from *eventsv1.DeliveredEvent, cursor string) Event {
	told := from.GetEvent()
	event := Event{
		Topic:            told.GetTopic(),
		Key:              told.GetKey(),
		ID:               told.GetId(),
		Data:             told.GetData(),
		ContentType:      told.GetContentType(),
		Labels:           told.GetLabels(),
		Owner:            told.GetOwner(),
		Sensitivity:      sensitivityOf(told.GetSensitivity()),
		Time:             wire.TimeOf(told.GetTime()),
		PublishTime:      wire.TimeOf(from.PublishTime),
		Publisher:        from.Publisher,
		Position:         from.Position,
		Redacted:         from.Redacted,
		Withheld:         from.Withheld,
		Replaced:         from.Replaced,
		Cursor:           cursor,
		ConsistencyToken: from.ConsistencyToken,
	}
	if event.ContentType == "" {
		event.ContentType = payload.JSONType
	}
	if event.Time.IsZero() {
		event.Time = event.PublishTime
	}
	for _, ref := range told.GetRefs() {
		event.Refs = append(event.Refs, refOf(ref))
	}
	for _, result := range from.Items {
		if index := int(result.Index); index < len(event.Refs) {
			event.Items = append(event.Items, outcomeOf(event.Refs[index], index, result))
		}
	}
	return event
}

package weir

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	eventsv1 "github.com/weir/weir-go/gen/weir/events/v1"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
)

// NewEvent is something that happened, to be told.
type NewEvent struct {
	// Topic is what kind of thing, such as "page.updated": 1 to 8 names, separated by dots.
	Topic string
	// Key is what it happened to; events of one key keep their order. Default: nothing in particular.
	Key string
	// Data is more about it: bytes, a text, or a value that becomes JSON. At most 256 KiB. Default: nothing.
	Data any
	// ContentType is the media type of the data. Default: application/json; of a text text/plain, of bytes
	// application/octet-stream.
	ContentType string
	// Refs are the items that are not any more what they were; at most 32. Weir forgets what it holds of them.
	Refs []Ref
	// Sensitivity is how sensitive it is. Default: Internal.
	Sensitivity Sensitivity
	// Labels are names and values that describe it; policies can decide by them.
	Labels map[string]string
	// Owner owns it. Default: nobody is named.
	Owner string
	// ID is what the publisher calls it, for who is told of it twice. Default: Weir gives it a name.
	ID string
	// Time is when it happened. Default: when it is published.
	Time time.Time
}

// PublishOptions say how events are published.
type PublishOptions struct {
	// IdempotencyKey names the request: sent again within a day, also by another process, it publishes
	// nothing anew. Default: a random one, which the retries of this call share.
	IdempotencyKey string
}

// Published says what became of a publish.
type Published struct {
	// IDs are the names of the events, in their order.
	IDs []string
	// ConsistencyToken makes a fetch that brings it never get an item of the events' refs as it was before.
	ConsistencyToken string
}

// Publish publishes 1 to 256 events in their order, of 512 KiB together at most: all of them or none. When
// it returns they are committed, and Weir hands out no item of their refs as it was before. What fails as
// Unavailable is tried again, and published once all the same. It fails with a *CallError when one is refused
// or Weir cannot be reached, and with another error when data has no JSON. Nil options are the defaults.
func (c *Client) Publish(ctx context.Context, events []NewEvent, options *PublishOptions) (*Published, error) {
	request := &eventsv1.PublishRequest{IdempotencyKey: randomName()}
	if options != nil && options.IdempotencyKey != "" {
		request.IdempotencyKey = options.IdempotencyKey
	}
	for _, event := range events {
		wire, err := event.toWire()
		if err != nil {
			return nil, err
		}
		request.Events = append(request.Events, wire)
	}
	answer, err := c.events.Publish(ctx, request)
	if err != nil {
		return nil, err
	}
	return &Published{IDs: answer.Ids, ConsistencyToken: answer.ConsistencyToken}, nil
}

func (e NewEvent) toWire() (*eventsv1.Event, error) {
	sensitivity, known := wire.SensitivityOf(string(e.Sensitivity))
	if !known {
		return nil, fmt.Errorf("weir: event %s: sensitivity %q is not public, internal, confidential or restricted", e.Topic, e.Sensitivity)
	}
	event := &eventsv1.Event{
		Topic: e.Topic, Key: e.Key, ContentType: e.ContentType, Refs: refsToWire(e.Refs),
		Sensitivity: sensitivity, Labels: e.Labels, Owner: e.Owner, Id: e.ID, Time: wire.Time(e.Time),
	}
	if e.Data == nil {
		return event, nil
	}
	data, contentType, err := payload.Encode(e.Data)
	if err != nil {
		return nil, fmt.Errorf("weir: event %s: %w", e.Topic, err)
	}
	event.Data = data
	if event.ContentType == "" {
		event.ContentType = contentType
	}
	return event, nil
}

func randomName() string {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		panic(err)
	}
	return hex.EncodeToString(random[:])
}

package weir

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	"github.com/weir/weir-go/internal/backoff"
	"google.golang.org/grpc/codes"
)

// Stream fetches any number of refs and yields each outcome as soon as it is there. Closing the iterator
// cancels what is still under way. A stream that breaks off because Weir stops, or cannot be reached for a
// moment, goes on by itself with what is still open. It fails with a *CallError when a whole call failed.
func (c *Client) Stream(ctx context.Context, refs []Ref, options *FetchOptions) *Iterator[Outcome] {
	ctx, cancel := c.within(ctx)
	streaming := &streaming{
		client:   c,
		options:  c.completed(options),
		outcomes: make(chan Outcome),
		follows:  make(chan struct{}, followedAtOnce),
		cancel:   cancel,
	}
	for _, batch := range toBatches(refs) {
		streaming.group.Add(1)
		go streaming.run(ctx, batch)
	}
	go func() {
		streaming.group.Wait()
		close(streaming.outcomes)
	}()
	return newIterator(streaming.next, cancel)
}

// streaming is a stream under way.
type streaming struct {
	client  *Client
	options FetchOptions
	// outcomes come as they are there; closed at the end.
	outcomes chan Outcome
	// follows holds a place for each link that is being followed.
	follows chan struct{}
	cancel  context.CancelFunc
	group   sync.WaitGroup
	once    sync.Once
	failure error
}

func (s *streaming) next() (Outcome, error) {
	outcome, more := <-s.outcomes
	switch {
	case more:
		return outcome, nil
	case s.failure != nil:
		return outcome, s.failure
	default:
		return outcome, errEnd
	}
}

func (s *streaming) run(ctx context.Context, batch []wanted) {
	defer s.group.Done()
	s.end(s.batch(ctx, batch))
}

// end ends the stream with its first error; nil ends nothing.
func (s *streaming) end(err error) {
	if err == nil {
		return
	}
	s.once.Do(func() {
		s.failure = err
		s.cancel()
	})
}

// batch streams a batch. When the stream breaks off, what is still open is asked for again: of another
// router, when the one that was asked stops. So is what it had no room for, once there is some.
func (s *streaming) batch(ctx context.Context, open []wanted) error {
	for attempt := 0; len(open) > 0; attempt++ {
		asked := len(open)
		left, crowded, err := s.call(ctx, open)
		if err == nil && len(crowded) == 0 {
			return nil
		}
		wait, again := s.waitBefore(attempt, len(left) < asked, crowded, err)
		if !again || !inTime(ctx, wait) {
			if err != nil {
				return err
			}
			return s.sendAll(ctx, crowded)
		}
		if backoff.Sleep(ctx, wait) != nil {
			return overErr(ctx)
		}
		open = left
	}
	return nil
}

// waitBefore says how long to wait before what is left is asked for again, and whether it is.
func (s *streaming) waitBefore(attempt int, served bool, crowded []Outcome, err error) (time.Duration, bool) {
	var failure *CallError
	if errors.As(err, &failure) {
		again := failure.Code == codes.Unavailable && attempt < s.client.retries
		return longer(callBackoff.Wait(attempt), failure.RetryDelay), again
	}
	var wait time.Duration
	for _, outcome := range crowded {
		wait = longer(wait, outcome.Refusal.RetryDelay)
	}
	// Where some were served there is room for others; where none was, not for ever.
	return wait, served || attempt < s.client.retries
}

// call makes one call. It returns what has no outcome yet, and of that what the router had no room for.
func (s *streaming) call(ctx context.Context, batch []wanted) (left []wanted, crowded []Outcome, err error) {
	done := make([]bool, len(batch))
	err = s.read(ctx, batch, func(position int, outcome Outcome) error {
		if isCrowded(outcome) {
			crowded = append(crowded, outcome)
			return nil
		}
		done[position] = true
		return s.followed(ctx, outcome)
	})
	for position, each := range batch {
		if !done[position] {
			left = append(left, each)
		}
	}
	return left, crowded, err
}

func (s *streaming) read(ctx context.Context, batch []wanted, take func(int, Outcome) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &routerv1.StreamContextRequest{Fetch: fetchRequest(batch, s.options)}
	stream, err := s.client.router.StreamContext(ctx, request)
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		position := int(message.GetResult().GetIndex())
		if message.GetResult() == nil || position >= len(batch) {
			continue
		}
		if err := take(position, outcomeOf(batch[position].ref, batch[position].index, message.Result)); err != nil {
			return err
		}
	}
}

// followed hands on an outcome; one with a link once that is followed, without holding up others.
func (s *streaming) followed(ctx context.Context, outcome Outcome) error {
	if !outcome.isToFollow(s.options) {
		return s.send(ctx, outcome)
	}
	select {
	case s.follows <- struct{}{}:
	case <-ctx.Done():
		return overErr(ctx)
	}
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		defer func() { <-s.follows }()
		s.client.follow(ctx, &outcome, s.options)
		s.end(s.send(ctx, outcome))
	}()
	return nil
}

func (s *streaming) sendAll(ctx context.Context, outcomes []Outcome) error {
	for _, outcome := range outcomes {
		if err := s.send(ctx, outcome); err != nil {
			return err
		}
	}
	return nil
}

func (s *streaming) send(ctx context.Context, outcome Outcome) error {
	select {
	case s.outcomes <- outcome:
		return nil
	case <-ctx.Done():
		return overErr(ctx)
	}
}

// isCrowded says whether the router had no room for the item then.
func isCrowded(outcome Outcome) bool {
	return outcome.Refusal != nil &&
		(outcome.Refusal.Reason == reasonResponseBudget || outcome.Refusal.Reason == reasonOverloaded)
}

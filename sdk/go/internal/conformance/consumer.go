package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/weir/weir-go"
)

const lineMaxBytes = 16 << 20

// command is what a line on stdin says.
type command struct {
	ID            int             `json:"id"`
	Do            string          `json:"do"`
	Refs          []string        `json:"refs"`
	TimeoutMs     float64         `json:"timeoutMs"`
	ItemTimeoutMs float64         `json:"itemTimeoutMs"`
	MinQuality    float64         `json:"minQuality"`
	Type          string          `json:"type"`
	Key           string          `json:"key"`
	KeyPrefix     string          `json:"keyPrefix"`
	Query         string          `json:"query"`
	PageSize      int             `json:"pageSize"`
	Provider      string          `json:"provider"`
	Tool          string          `json:"tool"`
	Arguments     json.RawMessage `json:"arguments"`
	Progress      bool            `json:"progress"`
	Topic         string          `json:"topic"`
	Topics        []string        `json:"topics"`
	Data          json.RawMessage `json:"data"`
	From          string          `json:"from"`
	Count         int             `json:"count"`
	Fetch         bool            `json:"fetch"`
	Of            int             `json:"of"`
}

// consumer does several commands at a time.
type consumer struct {
	client *weir.Client
	mu     sync.Mutex
	// underWay has what cancels the commands that are not done.
	underWay map[int]context.CancelFunc
}

func consume(ctx context.Context) error {
	client, err := weir.New(weir.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	does := &consumer{client: client, underWay: map[int]context.CancelFunc{}}
	var group sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMaxBytes)
	for lines.Scan() {
		var given command
		if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
			return err
		}
		group.Add(1)
		called := does.begin(ctx, given)
		go func() {
			defer group.Done()
			does.run(called, given)
		}()
	}
	does.cancelAll()
	group.Wait()
	return lines.Err()
}

func (c *consumer) begin(ctx context.Context, given command) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	if given.TimeoutMs > 0 {
		ctx, cancel = context.WithTimeout(ctx, milliseconds(given.TimeoutMs))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay[given.ID] = cancel
	return ctx
}

func (c *consumer) end(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel, has := c.underWay[id]; has {
		cancel()
	}
	delete(c.underWay, id)
}

func (c *consumer) cancelAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.underWay {
		cancel()
	}
}

func (c *consumer) run(ctx context.Context, given command) {
	result, err := c.do(ctx, given)
	c.end(given.ID)
	answer := object{"id": given.ID, "result": result}
	if err != nil {
		answer = object{"id": given.ID, "error": errorOf(err)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	say(answer)
}

func (c *consumer) do(ctx context.Context, given command) (any, error) {
	switch given.Do {
	case "fetch":
		return c.fetch(ctx, given)
	case "stream":
		return c.stream(ctx, given)
	case "get":
		item, err := c.client.Get(ctx, given.Type, given.Key, nil)
		if err != nil {
			return nil, err
		}
		ref := weir.Ref{Type: given.Type, Key: given.Key}
		return outcomeOf(weir.Outcome{Ref: ref, Item: item, Cache: weir.CacheNone})
	case "list":
		return c.list(ctx, given)
	case "call":
		return c.call(ctx, given)
	case "publish":
		return c.publish(ctx, given)
	case "subscribe":
		return c.subscribe(ctx, given)
	case "cancel":
		c.mu.Lock()
		defer c.mu.Unlock()
		if cancel, has := c.underWay[given.Of]; has {
			cancel()
		}
		return object{}, nil
	default:
		return nil, fmt.Errorf("there is nothing called %s", given.Do)
	}
}

func optionsOf(given command) *weir.FetchOptions {
	return &weir.FetchOptions{ItemTimeout: milliseconds(given.ItemTimeoutMs), MinQuality: given.MinQuality}
}

func (c *consumer) fetch(ctx context.Context, given command) (any, error) {
	refs, err := weir.ParseRefs(given.Refs...)
	if err != nil {
		return nil, err
	}
	outcomes, err := c.client.Fetch(ctx, refs, optionsOf(given))
	if err != nil {
		return nil, err
	}
	return outcomesOf(outcomes)
}

func (c *consumer) stream(ctx context.Context, given command) (any, error) {
	refs, err := weir.ParseRefs(given.Refs...)
	if err != nil {
		return nil, err
	}
	stream := c.client.Stream(ctx, refs, optionsOf(given))
	defer stream.Close()
	var outcomes []weir.Outcome
	for stream.Next() {
		outcomes = append(outcomes, stream.Value())
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	return outcomesOf(outcomes)
}

func (c *consumer) list(ctx context.Context, given command) (any, error) {
	entries := c.client.List(ctx, weir.ListOptions{
		Type: given.Type, KeyPrefix: given.KeyPrefix, Query: given.Query,
		PageSize: given.PageSize, Provider: given.Provider,
	})
	defer entries.Close()
	listed := []object{}
	for entries.Next() {
		ref := weir.Ref{Type: entries.Value().Ref.Type, Key: entries.Value().Ref.Key}
		listed = append(listed, object{"ref": ref.String(), "title": entries.Value().Title})
	}
	return listed, entries.Err()
}

func (c *consumer) call(ctx context.Context, given command) (any, error) {
	progress := []float64{}
	options := &weir.CallOptions{}
	if given.Progress {
		options.OnProgress = func(told weir.Progress) { progress = append(progress, told.Progress) }
	}
	var arguments any
	if given.Arguments != nil {
		arguments = given.Arguments
	}
	result, err := c.client.Call(ctx, given.Tool, arguments, options)
	if err != nil {
		return nil, err
	}
	var value any
	if err := result.JSON(&value); err != nil {
		return nil, err
	}
	return object{"value": value, "isError": result.IsError, "progress": progress}, nil
}

func (c *consumer) publish(ctx context.Context, given command) (any, error) {
	refs, err := weir.ParseRefs(given.Refs...)
	if err != nil {
		return nil, err
	}
	event := weir.NewEvent{Topic: given.Topic, Key: given.Key, Refs: refs}
	if given.Data != nil {
		event.Data = given.Data
	}
	published, err := c.client.Publish(ctx, []weir.NewEvent{event}, nil)
	if err != nil {
		return nil, err
	}
	return object{"ids": len(published.IDs)}, nil
}

func (c *consumer) subscribe(ctx context.Context, given command) (any, error) {
	options := &weir.SubscribeOptions{FromEarliest: given.From == "earliest", Fetch: given.Fetch}
	if !options.FromEarliest {
		options.Cursor = given.From
	}
	events := c.client.Subscribe(ctx, given.Topics, options)
	defer events.Close()
	told := []object{}
	for events.Next() {
		event, err := eventOf(events.Value())
		if err != nil {
			return nil, err
		}
		if told = append(told, event); len(told) >= given.Count {
			return told, nil
		}
	}
	return nil, events.Err()
}

func milliseconds(count float64) time.Duration {
	return time.Duration(count * float64(time.Millisecond))
}

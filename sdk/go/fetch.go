package weir

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	"github.com/weir/weir-go/internal/wire"
)

const (
	// batchMax is the most refs that a call may carry.
	batchMax = 256
	// parallelCalls is how many calls of one fetch are under way at once.
	parallelCalls = 4
)

// FetchOptions say how items are fetched. The time of the whole call is that of its context.
type FetchOptions struct {
	// ItemTimeout is the time for each item; a late item is refused. Default: only the call's.
	ItemTimeout time.Duration
	// MinQuality is the least quality acceptable, from 0 to 1. Default: the client's, else any.
	MinQuality float64
	// MaxAge is the greatest age acceptable; older items are fetched anew. Default: as the ttl says;
	// negative: nothing is taken from a cache.
	MaxAge time.Duration
	// ConsistencyToken is a token from an earlier write, which the answer then takes into account.
	ConsistencyToken string
	// Purpose is what the call is for, such as "support": policies can ask for it, and records keep it.
	Purpose string
	// KeepLinks leaves links as they are: ReadValue reads what they lead to. Default: they are followed, and
	// the item has its value as any other.
	KeepLinks bool
	// MaxValueBytes is the largest value that is followed; a larger one is refused. Default: 64 MiB.
	MaxValueBytes uint64
}

// Get gets one item. It fails with an *ItemRefused when the item cannot be had, and with a *CallError when
// the call failed. Nil options are the defaults.
func (c *Client) Get(ctx context.Context, typeName, key string, options *FetchOptions) (*Item, error) {
	return c.GetRef(ctx, Ref{Type: typeName, Key: key}, options)
}

// GetRef gets one item as Get does, by a ref that may name a version range or a provider.
func (c *Client) GetRef(ctx context.Context, ref Ref, options *FetchOptions) (*Item, error) {
	outcomes, err := c.Fetch(ctx, []Ref{ref}, options)
	if err != nil {
		return nil, err
	}
	return outcomes[0].Item, outcomes[0].Err()
}

// Get gets one item and parses its JSON. Beside the errors of Client.Get it fails with those of json.Unmarshal.
func Get[T any](ctx context.Context, client *Client, typeName, key string) (T, error) {
	var value T
	item, err := client.Get(ctx, typeName, key, nil)
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal(item.Bytes, &value)
}

// Fetch fetches any number of refs, one call for each 256 of them, and returns an outcome for each, in
// their order. Items that cannot be had are outcomes, not errors; items over the response budget are asked
// for again by themselves. It fails with a *CallError when a whole call failed.
func (c *Client) Fetch(ctx context.Context, refs []Ref, options *FetchOptions) ([]Outcome, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	fetching := &fetching{client: c, options: c.completed(options), outcomes: make([]Outcome, len(refs))}
	if err := inParallel(ctx, toBatches(refs), parallelCalls, fetching.batch); err != nil {
		return nil, err
	}
	c.followAll(ctx, fetching.outcomes, fetching.options)
	return fetching.outcomes, nil
}

func (c *Client) completed(options *FetchOptions) FetchOptions {
	var whole FetchOptions
	if options != nil {
		whole = *options
	}
	if whole.MinQuality == 0 {
		whole.MinQuality = c.minQuality
	}
	if whole.MaxValueBytes == 0 {
		whole.MaxValueBytes = maxValueBytesDefault
	}
	return whole
}

// wanted is a ref and its position among those asked for.
type wanted struct {
	ref   Ref
	index int
}

func toBatches(refs []Ref) [][]wanted {
	var batches [][]wanted
	for index, ref := range refs {
		if index%batchMax == 0 {
			batches = append(batches, nil)
		}
		last := len(batches) - 1
		batches[last] = append(batches[last], wanted{ref, index})
	}
	return batches
}

// inParallel works on some at once, and returns the first error, which ends the others.
func inParallel[T any](ctx context.Context, all []T, limit int, work func(context.Context, T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		group sync.WaitGroup
		once  sync.Once
		first error
		slots = make(chan struct{}, limit)
	)
	for _, each := range all {
		slots <- struct{}{}
		group.Add(1)
		go func(each T) {
			defer group.Done()
			defer func() { <-slots }()
			if err := work(ctx, each); err != nil {
				once.Do(func() { first = err; cancel() })
			}
		}(each)
	}
	group.Wait()
	return first
}

// fetching is a fetch under way.
type fetching struct {
	client  *Client
	options FetchOptions
	// outcomes are filled as answers come in, in the order of the refs.
	outcomes []Outcome
}

// batch fetches a batch. What does not fit into the response budget is asked for again in batches of a
// size that fits; an item that does not fit alone stays refused.
func (f *fetching) batch(ctx context.Context, batch []wanted) error {
	pending, err := f.ask(ctx, batch)
	if err != nil {
		return err
	}
	size := nextSize(len(batch), len(pending))
	for len(pending) > 0 {
		part := pending[:smaller(size, len(pending))]
		refused, err := f.ask(ctx, part)
		if err != nil && ctx.Err() == context.Canceled {
			return err
		}
		if err != nil {
			// What has come so far is kept, and the rest stays refused.
			return nil
		}
		size = nextSize(len(part), len(refused))
		rest := pending[len(part):]
		if len(part) == 1 {
			refused = nil
		}
		pending = append(append([]wanted{}, refused...), rest...)
	}
	return nil
}

func nextSize(asked, refused int) int {
	switch {
	case refused == 0:
		return smaller(batchMax, asked*2)
	case refused < asked:
		return asked - refused
	case asked > 1:
		return asked / 2
	default:
		return 1
	}
}

// ask makes one call, keeps its outcomes, and returns what was over the response budget.
func (f *fetching) ask(ctx context.Context, batch []wanted) ([]wanted, error) {
	answer, err := f.client.router.FetchContext(ctx, fetchRequest(batch, f.options))
	if err != nil {
		return nil, err
	}
	results := make(map[uint32]*contextv1.ItemResult, len(answer.Results))
	for _, result := range answer.Results {
		results[result.Index] = result
	}
	var pending []wanted
	for position, each := range batch {
		outcome := outcomeOf(each.ref, each.index, results[uint32(position)])
		f.outcomes[each.index] = outcome
		if outcome.Refusal != nil && outcome.Refusal.Reason == reasonResponseBudget {
			pending = append(pending, each)
		}
	}
	return pending, nil
}

func fetchRequest(batch []wanted, options FetchOptions) *routerv1.FetchContextRequest {
	refs := make([]Ref, len(batch))
	for position, each := range batch {
		refs[position] = each.ref
	}
	return &routerv1.FetchContextRequest{
		Refs:             refsToWire(refs),
		ItemTimeout:      wire.Duration(options.ItemTimeout),
		MinQuality:       options.MinQuality,
		MaxAge:           wire.Duration(options.MaxAge),
		ConsistencyToken: options.ConsistencyToken,
		Purpose:          options.Purpose,
	}
}

func smaller(a, b int) int {
	if a < b {
		return a
	}
	return b
}

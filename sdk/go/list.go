package weir

import (
	"context"
	"time"

	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	"github.com/weir/weir-go/internal/wire"
)

// ListOptions say what to list.
type ListOptions struct {
	// Type is the context type. Default: all types.
	Type string
	// KeyPrefix leaves only keys that begin with it.
	KeyPrefix string
	// Query leaves only what matches these words, best match first.
	Query string
	// Provider leaves only this provider's. Default: all providers.
	Provider string
	// PageSize is the greatest number of entries that come in one call, 1 to 500. Default: 50.
	PageSize int
	// Purpose is what the call is for, as of a fetch. Default: not stated.
	Purpose string
	// OnGap is told of each provider that could not be asked, and whose entries are therefore missing.
	OnGap func(Gap)
}

// Entry is something that can be fetched.
type Entry struct {
	// Ref is what to fetch it by, with the provider filled in.
	Ref Ref
	// Title is what it is called, for people.
	Title string
	// Summary is a few words of it, or about it.
	Summary string
	// Score is how well it matches the query, from 0 to 1.
	Score float64
	// UpdateTime is when it last changed. Zero: the provider does not know.
	UpdateTime time.Time
	// ContentType is the media type of the value. Empty: the provider does not know.
	ContentType string
	// SizeBytes is the size of the value. Nil: the provider does not know.
	SizeBytes *uint64
}

// Gap is a provider that a list is without.
type Gap struct {
	// Provider is its name.
	Provider string
	// Type is the context type that it was asked for.
	Type string
	// Refusal says why it could not be asked.
	Refusal Refusal
}

// List lists what there is to fetch, page after page as the iterator is read. Each page has a time of its
// own, unless the context has a deadline. It fails with a *CallError when a page cannot be had.
func (c *Client) List(ctx context.Context, options ListOptions) *Iterator[Entry] {
	ctx, cancel := context.WithCancel(ctx)
	var (
		entries []*routerv1.ContextEntry
		token   string
		last    bool
	)
	next := func() (Entry, error) {
		for len(entries) == 0 {
			if last {
				return Entry{}, errEnd
			}
			page, err := c.listPage(ctx, options, token)
			if err != nil {
				return Entry{}, err
			}
			entries, token = page.Entries, page.NextPageToken
			last = token == ""
		}
		entry := entryOf(entries[0])
		entries = entries[1:]
		return entry, nil
	}
	return newIterator(next, cancel)
}

func (c *Client) listPage(ctx context.Context, options ListOptions, token string) (*routerv1.ListContextResponse, error) {
	page, err := c.router.ListContext(ctx, &routerv1.ListContextRequest{
		Type: options.Type, KeyPrefix: options.KeyPrefix, Query: options.Query, Provider: options.Provider,
		PageSize: int32(options.PageSize), PageToken: token, Purpose: options.Purpose,
	})
	if err != nil {
		return nil, err
	}
	for _, gap := range page.Gaps {
		if options.OnGap != nil {
			options.OnGap(Gap{Provider: gap.Provider, Type: gap.Type, Refusal: *refusalOf(gap.GetRefusal())})
		}
	}
	return page, nil
}

func entryOf(from *routerv1.ContextEntry) Entry {
	return Entry{
		Ref:         refOf(from.Ref),
		Title:       from.Title,
		Summary:     from.Summary,
		Score:       from.Score,
		UpdateTime:  wire.TimeOf(from.UpdateTime),
		ContentType: from.ContentType,
		SizeBytes:   from.SizeBytes,
	}
}

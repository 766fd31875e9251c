package weir

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
	"google.golang.org/grpc/codes"
)

// Sensitivity says how sensitive a value is.
type Sensitivity string

// The sensitivities, from low to high.
const (
	// Public: anybody may know it.
	Public Sensitivity = "public"
	// Internal: members of the tenant may know it.
	Internal Sensitivity = "internal"
	// Confidential: those who need it may know it.
	Confidential Sensitivity = "confidential"
	// Restricted: named persons may know it.
	Restricted Sensitivity = "restricted"
)

// CacheStatus says how the router came by an outcome.
type CacheStatus string

// How a router comes by an outcome.
const (
	// CacheNone: nothing was looked up.
	CacheNone CacheStatus = "none"
	// CacheMiss: fetched from the provider for this call.
	CacheMiss CacheStatus = "miss"
	// CacheHitMemory: from the router's memory.
	CacheHitMemory CacheStatus = "hit-memory"
	// CacheHitShared: from the cache that routers share.
	CacheHitShared CacheStatus = "hit-shared"
	// CacheStale: from a cache, past its ttl; a refresh is under way.
	CacheStale CacheStatus = "stale"
	// CacheRevalidated: from a cache, confirmed by the provider for this call.
	CacheRevalidated CacheStatus = "revalidated"
	// CacheCoalesced: fetched once for several refs or callers.
	CacheCoalesced CacheStatus = "coalesced"
	// CacheBypass: fetched from the provider, which does not allow caching.
	CacheBypass CacheStatus = "bypass"
)

// Item is a piece of context.
type Item struct {
	// Bytes is the value as it came; empty when it was not fetched from its link.
	Bytes []byte
	// ContentType is the media type of the value.
	ContentType string
	// Link is where a value lies that is too large to carry. It was followed already, unless KeepLinks was
	// asked for. Nil for other values.
	Link *Link
	// Version is the version of the context type that the value conforms to.
	Version string
	// Etag is the provider's tag for this state of the value; equal tags mean equal values.
	Etag string
	// AsOf is when the provider held this to be the value; when it last confirmed it, if it did not say.
	AsOf time.Time
	// TTL is how long the provider holds the value to stay true. 0: not at all.
	TTL time.Duration
	// Sensitivity is how sensitive the value is; Internal when nobody says.
	Sensitivity Sensitivity
	// Quality is how good the item is, from 0 to 1, as the router judges it. Nil: it does not say.
	Quality *float64
	// Judgement is how good the value is, from 0 to 1, in the provider's own judgement. Nil: not judged.
	Judgement *float64
	// Provenance is where the value comes from.
	Provenance Provenance
	// Labels are names and values that describe the item.
	Labels map[string]string
	// Owner owns the value in its source; empty when nobody is named.
	Owner string
	// Redacted says whether a policy had something of it masked, removed or cut.
	Redacted bool
}

// Link is where a value lies that is too large to carry. No credential is needed for it.
type Link struct {
	// URL is absolute, or begins with "/" at the address of Weir.
	URL string
	// SHA256 is the hash of the value, in hexadecimal.
	SHA256 string
	// SizeBytes is the size of the value.
	SizeBytes uint64
	// ExpireTime is when the link stops working.
	ExpireTime time.Time
}

// Provenance says where an item comes from.
type Provenance struct {
	// Provider is the provider's name.
	Provider string
	// ProviderVersion is its version.
	ProviderVersion string
	// Source is the place within the source, such as a file name and line; empty when not told.
	Source string
	// Cleaned has the cleaners of the manifest that changed the value, such as "whitespace".
	Cleaned []string
}

// JSON parses the value into what the argument points to, as json.Unmarshal does.
func (i *Item) JSON(into any) error { return json.Unmarshal(i.Bytes, into) }

// Value returns the value: parsed when it is JSON, a string when it is text, else its bytes.
func (i *Item) Value() (any, error) { return payload.Parse(i.ContentType, i.Bytes) }

// String returns the value as text.
func (i *Item) String() string { return string(i.Bytes) }

// Outcome is what became of one ref: an item or a refusal; one of them is nil.
type Outcome struct {
	// Ref is what was asked for.
	Ref Ref
	// Index is the position of the ref among those asked for, from 0.
	Index int
	// Cache says how the router came by the outcome.
	Cache CacheStatus
	// Age is how long ago the provider last confirmed the item. 0: just now.
	Age time.Duration
	// Item is the item.
	Item *Item
	// Refusal says why there is no item.
	Refusal *Refusal
}

// Err returns an *ItemRefused when there is no item, else nil.
func (o *Outcome) Err() error {
	if o.Refusal == nil {
		return nil
	}
	return &ItemRefused{Ref: o.Ref, Refusal: *o.Refusal}
}

// refuse makes a refusal of the outcome.
func (o *Outcome) refuse(refusal *Refusal) {
	o.Item, o.Refusal = nil, refusal
}

// outcomeOf reads a result off the wire. A payload that is not what its content type says becomes a
// refusal, so that one bad value spoils no batch.
func outcomeOf(ref Ref, index int, result *contextv1.ItemResult) Outcome {
	outcome := Outcome{Ref: ref, Index: index, Cache: cacheOf(result.GetCache()), Age: result.GetAge().AsDuration()}
	switch {
	case result.GetItem() != nil:
		outcome.Item = itemOf(result, outcome.Age)
		if outcome.Item.Link == nil {
			outcome.check()
		}
	case result.GetRefusal() != nil:
		outcome.Refusal = refusalOf(result.GetRefusal())
	default:
		outcome.Refusal = &Refusal{
			Code: codes.Internal, Reason: reasonInternal, Text: "the router gave no outcome for this ref",
		}
	}
	return outcome
}

// check refuses an item whose bytes are not what its content type says.
func (o *Outcome) check() {
	if err := payload.Check(o.Item.ContentType, o.Item.Bytes); err != nil {
		text := fmt.Sprintf("the payload is not %s: %v", o.Item.ContentType, err)
		o.refuse(&Refusal{Code: codes.DataLoss, Reason: reasonGarbage, Text: text})
	}
}

func itemOf(result *contextv1.ItemResult, age time.Duration) *Item {
	from := result.GetItem()
	item := &Item{
		Bytes:       from.GetPayload(),
		ContentType: from.ContentType,
		Link:        linkOf(from),
		Version:     from.Version,
		Etag:        from.Etag,
		AsOf:        wire.TimeOf(from.AsOf),
		TTL:         from.Ttl.AsDuration(),
		Sensitivity: sensitivityOf(from.Sensitivity),
		Quality:     result.Quality,
		Judgement:   from.Quality,
		Provenance: Provenance{
			Provider:        from.Provenance.GetProvider(),
			ProviderVersion: from.Provenance.GetProviderVersion(),
			Source:          from.Provenance.GetSource(),
			Cleaned:         from.Provenance.GetCleaned(),
		},
		Labels:   from.Labels,
		Owner:    from.Owner,
		Redacted: result.Redacted,
	}
	if item.ContentType == "" {
		item.ContentType = payload.JSONType
	}
	if from.AsOf == nil {
		item.AsOf = time.Now().Add(-age)
	}
	return item
}

func linkOf(item *contextv1.Item) *Link {
	body, isLink := item.Body.(*contextv1.Item_Url)
	if !isLink {
		return nil
	}
	return &Link{
		URL:        body.Url,
		SHA256:     hex.EncodeToString(item.Sha256),
		SizeBytes:  item.SizeBytes,
		ExpireTime: wire.TimeOf(item.UrlExpireTime),
	}
}

func sensitivityOf(from contextv1.Sensitivity) Sensitivity {
	if name := wire.SensitivityName(from); name != "" {
		return Sensitivity(name)
	}
	return Internal
}

func cacheOf(status contextv1.CacheStatus) CacheStatus {
	if status == contextv1.CacheStatus_CACHE_STATUS_UNSPECIFIED {
		return CacheNone
	}
	name := strings.TrimPrefix(status.String(), "CACHE_STATUS_")
	return CacheStatus(strings.ToLower(strings.ReplaceAll(name, "_", "-")))
}

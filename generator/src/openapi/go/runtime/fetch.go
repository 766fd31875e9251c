package openapi

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/weir/weir-go/provider"
)

// Fetch says how a value is got by its key.
type Fetch struct {
	// Request gets it.
	Request Request
	// KeyParameters are those of the path that a key is made of, in the order of the path.
	KeyParameters []string
}

// FetchItem gets values of a type: the body of the API's answer as it is, with its tag and its time.
func FetchItem(api *API, fetch Fetch) provider.FetchFunc {
	return func(ctx context.Context, query provider.Query) (*provider.Content, error) {
		parts, isKey := partsOf(query.Key, len(fetch.KeyParameters))
		if !isKey {
			return nil, nil
		}
		values := arguments{}
		for at, name := range fetch.KeyParameters {
			if parts[at] == "" {
				return nil, nil
			}
			values[name] = parts[at]
		}
		answer, err := api.call(ctx, &fetch.Request, values, query.KnownEtag)
		if err != nil || answer.isAbsent() {
			return nil, err
		}
		return contentOf(answer), nil
	}
}

func contentOf(answer *incoming) *provider.Content {
	if answer.status == http.StatusNotModified {
		return &provider.Content{NotModified: true, TTL: ttlOf(answer)}
	}
	content := &provider.Content{
		Value:       answer.body,
		ContentType: answer.header.Get("Content-Type"),
		Etag:        answer.header.Get("Etag"),
		TTL:         ttlOf(answer),
	}
	if content.ContentType == "" {
		content.ContentType = "application/octet-stream"
	}
	if modified, err := http.ParseTime(answer.header.Get("Last-Modified")); err == nil {
		content.AsOf = modified
	}
	return content
}

var (
	notKept = regexp.MustCompile(`\bno-(?:store|cache)\b`)
	maxAge  = regexp.MustCompile(`\bmax-age=(\d{1,9})\b`)
)

// ttlOf is how long the API says that its answer holds; 0: it does not say; negative: it does not.
func ttlOf(answer *incoming) time.Duration {
	control := answer.header.Get("Cache-Control")
	if notKept.MatchString(control) {
		return -1
	}
	found := maxAge.FindStringSubmatch(control)
	if found == nil {
		return 0
	}
	seconds, err := strconv.Atoi(found[1])
	if err != nil || seconds == 0 {
		return -1
	}
	return time.Duration(seconds) * time.Second
}

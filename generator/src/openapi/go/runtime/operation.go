package openapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

var textType = regexp.MustCompile(`^text/|[/+](?:xml|yaml|csv)\b`)

// CallOperation makes a request of an operation's arguments. What is no text comes back as base64.
func CallOperation(api *API, request Request) provider.CallFunc {
	return func(ctx context.Context, call *provider.Call) (any, error) {
		values := arguments{}
		if len(call.Arguments) > 0 {
			read, err := readJSON(call.Arguments)
			object, isObject := read.(map[string]any)
			if err != nil || !isObject {
				return nil, provider.Errorf(codes.InvalidArgument, "the arguments are no JSON object")
			}
			values = object
		}
		answer, err := api.call(ctx, &request, values, "")
		if err != nil {
			return nil, err
		}
		return resultOf(answer)
	}
}

func resultOf(answer *incoming) (any, error) {
	contentType := answer.header.Get("Content-Type")
	switch {
	case answer.isAbsent():
		return nil, provider.Errorf(codes.NotFound, "the API has no such thing")
	case len(answer.body) == 0:
		return map[string]int{"status": answer.status}, nil
	case jsonType.MatchString(contentType):
		if !json.Valid(answer.body) {
			return nil, provider.Errorf(codes.Internal, "the API answers with broken JSON")
		}
		return json.RawMessage(answer.body), nil
	case textType.MatchString(contentType):
		piece := map[string]string{"type": "text", "text": string(answer.body)}
		return &provider.ToolContent{Content: []any{piece}}, nil
	default:
		data := base64.StdEncoding.EncodeToString(answer.body)
		return map[string]string{"contentType": contentType, "base64": data}, nil
	}
}

// ChosenNames returns the names that patterns mean, each once; "*" stands for any text. It fails for a pattern
// that means none.
func ChosenNames(names, patterns []string) ([]string, error) {
	var chosen []string
	for _, pattern := range patterns {
		form, err := patternOf(pattern)
		if err != nil {
			return nil, err
		}
		isFound := false
		for _, name := range names {
			if form.MatchString(name) {
				isFound = true
				if !contains(chosen, name) {
					chosen = append(chosen, name)
				}
			}
		}
		if !isFound {
			return nil, fmt.Errorf("no operation is called %q; there are: %s", pattern, some(names))
		}
	}
	return chosen, nil
}

func patternOf(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > 1_000 {
		return nil, errors.New("a pattern of more than 1,000 characters names no operation")
	}
	parts := strings.Split(pattern, "*")
	for at := range parts {
		parts[at] = regexp.QuoteMeta(parts[at])
	}
	return regexp.Compile("(?s)^" + strings.Join(parts, ".*") + "$")
}

func some(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 5 {
		names = names[:5]
	}
	return strings.Join(names, ", ")
}

// Operation is something that can be done, and the request that does it.
type Operation struct {
	// About is what is told of it; without Input and Call.
	About provider.Operation
	// Request does it.
	Request Request
}

// Enabled makes operations of those that names mean, with their input schemas from a file that holds them by
// name; "*" in a name stands for any text. It fails for a name that means none.
func Enabled(api *API, known []Operation, names []string, inputs []byte) ([]provider.Operation, error) {
	var schemas Schemas
	if err := json.Unmarshal(inputs, &schemas); err != nil {
		return nil, fmt.Errorf("the schemas of operations cannot be read: %w", err)
	}
	all := make([]string, len(known))
	for at := range known {
		all[at] = known[at].About.Name
	}
	chosen, err := ChosenNames(all, names)
	if err != nil {
		return nil, err
	}
	var enabled []provider.Operation
	for _, each := range known {
		if contains(chosen, each.About.Name) {
			each.About.Input = string(schemas[each.About.Name])
			each.About.Call = CallOperation(api, each.Request)
			enabled = append(enabled, each.About)
		}
	}
	return enabled, nil
}

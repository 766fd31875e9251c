package openapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

type thing map[string]any

func things(from, count int) []thing {
	var part []thing
	for at := from; at < from+count && at < 7; at++ {
		part = append(part, thing{"id": fmt.Sprintf("k%d", at+1), "name": fmt.Sprintf("Thing k%d", at+1)})
	}
	return part
}

var allKeys = []string{"k1", "k2", "k3", "k4", "k5", "k6", "k7"}

func baseList(pagination Pagination) List {
	list := List{
		Request: Request{Method: "GET", Path: "/things", Accept: "application/json"},
		Items:   "/data", KeyFields: []string{"id"}, Pagination: pagination,
		PageSizeParameter: "limit", PageSizeMax: 3, TitleField: "name",
	}
	for _, name := range []string{"limit", "page", "offset", "cursor", "after", "q"} {
		list.Request.Parameters = append(list.Request.Parameters, Parameter{Name: name, In: InQuery})
	}
	return list
}

// answer is what an API answers to a query.
type answer struct {
	body thing
	link string
}

// listAll lists all, page by page.
func listAll(t *testing.T, list List, query provider.ListQuery, answers func(url.Values) answer) ([]string, error, []asked) {
	t.Helper()
	address, got := openTestAPI(t, func(w http.ResponseWriter, r *http.Request) {
		given := answers(r.URL.Query())
		if given.link != "" {
			w.Header().Set("Link", given.link)
		}
		_ = json.NewEncoder(w).Encode(given.body)
	})
	api, err := Open(Options{BaseURL: address, OutboundAllow: []string{"loopback"}})
	if err != nil {
		t.Fatal(err)
	}
	if query.PageSize == 0 {
		query.PageSize = 50
	}
	var keys []string
	for pages := 0; pages < 20; pages++ {
		page, err := ListItems(api, list)(context.Background(), query)
		if err != nil {
			return keys, err, *got
		}
		for _, entry := range page.Entries {
			keys = append(keys, entry.Key)
		}
		if query.PageToken = page.NextPageToken; query.PageToken == "" {
			return keys, nil, *got
		}
	}
	t.Fatal("the list has no end")
	return nil, nil, nil
}

func number(query url.Values, name string, otherwise int) int {
	if value, err := strconv.Atoi(query.Get(name)); err == nil {
		return value
	}
	return otherwise
}

func next(from int) string {
	if from+3 < 7 {
		return fmt.Sprintf("/things?from=%d", from+3)
	}
	return ""
}

func TestPages(t *testing.T) {
	for name, each := range map[string]struct {
		pagination Pagination
		answers    func(url.Values) answer
	}{
		"by numbers": {Pagination{Kind: ByPage, Parameter: "page", First: 1}, func(query url.Values) answer {
			return answer{body: thing{"data": things((number(query, "page", 1)-1)*3, 3)}}
		}},
		"by positions": {Pagination{Kind: ByOffset, Parameter: "offset"}, func(query url.Values) answer {
			return answer{body: thing{"data": things(number(query, "offset", 0), 3)}}
		}},
		"by a cursor": {Pagination{Kind: ByCursor, Parameter: "cursor", Next: "/meta/next"}, func(query url.Values) answer {
			from := number(query, "cursor", 0)
			body := thing{"data": things(from, 3), "meta": thing{"next": nil}}
			if from+3 < 7 {
				body["meta"] = thing{"next": from + 3}
			}
			return answer{body: body}
		}},
		"by the last key": {Pagination{Kind: ByLastKey, Parameter: "after"}, func(query url.Values) answer {
			from := number(url.Values{"at": {strings.TrimPrefix(query.Get("after"), "k")}}, "at", 0)
			return answer{body: thing{"data": things(from, 3)}}
		}},
		"by an address in the body": {Pagination{Kind: ByNextURL, Next: "/next"}, func(query url.Values) answer {
			from := number(query, "from", 0)
			return answer{body: thing{"data": things(from, 3), "next": next(from)}}
		}},
		"by the header Link": {Pagination{Kind: ByLink}, func(query url.Values) answer {
			from := number(query, "from", 0)
			given := answer{body: thing{"data": things(from, 3)}}
			if address := next(from); address != "" {
				given.link = `</x>; rel="first", <` + address + `>; rel="next"`
			}
			return given
		}},
	} {
		keys, err, got := listAll(t, baseList(each.pagination), provider.ListQuery{}, each.answers)
		if err != nil || !reflect.DeepEqual(keys, allKeys) || len(got) != 3 {
			t.Errorf("%s: %v, %v, %d requests", name, keys, err, len(got))
		}
	}
}

func TestAnAddressOfAnotherHostIsNotFollowed(t *testing.T) {
	list := baseList(Pagination{Kind: ByNextURL, Next: "/next"})
	_, err, _ := listAll(t, list, provider.ListQuery{}, func(url.Values) answer {
		return answer{body: thing{"data": things(0, 3), "next": "https://other.example.com/things"}}
	})
	told(t, err, codes.Internal, "another host")
}

func TestWhatComesAtOnceIsPagedHere(t *testing.T) {
	list := baseList(Pagination{Kind: AllAtOnce})
	list.PageSizeParameter = ""
	all := func(url.Values) answer { return answer{body: thing{"data": things(0, 7)}} }
	keys, err, got := listAll(t, list, provider.ListQuery{PageSize: 3}, all)
	if err != nil || !reflect.DeepEqual(keys, allKeys) || len(got) != 3 {
		t.Errorf("%v, %v, %d requests", keys, err, len(got))
	}
}

func TestAPrefixGivesWhatStandsInThePath(t *testing.T) {
	list := baseList(Pagination{Kind: AllAtOnce})
	list.Request.Path, list.Parents = "/shops/{shop}/things", []string{"shop"}
	list.Request.Parameters = []Parameter{{Name: "shop", In: InPath}}
	all := func(url.Values) answer { return answer{body: thing{"data": things(0, 7)}} }
	keys, err, got := listAll(t, list, provider.ListQuery{KeyPrefix: "a%2Fb/k2"}, all)
	if err != nil || !reflect.DeepEqual(keys, []string{"a%2Fb/k2"}) || got[0].url != "/shops/a%2Fb/things" {
		t.Errorf("%v, %v, %+v", keys, err, got)
	}
	_, err, _ = listAll(t, list, provider.ListQuery{}, all)
	told(t, err, codes.InvalidArgument, "by the key prefix <shop>/")
}

func TestWords(t *testing.T) {
	list := baseList(Pagination{Kind: AllAtOnce})
	all := func(url.Values) answer { return answer{body: thing{"data": things(0, 7)}} }
	keys, err, _ := listAll(t, list, provider.ListQuery{Text: "THING k3"}, all)
	if err != nil || !reflect.DeepEqual(keys, []string{"k3"}) {
		t.Errorf("%v, %v", keys, err)
	}
	list.SearchParameter = "q"
	keys, err, got := listAll(t, list, provider.ListQuery{Text: "any"}, func(url.Values) answer {
		return answer{body: thing{"data": things(0, 1)}}
	})
	if err != nil || len(keys) != 1 || got[0].url != "/things?limit=3&q=any" {
		t.Errorf("%v, %v, %+v", keys, err, got)
	}
}

func TestElementsWithoutAKeyAreLeftOut(t *testing.T) {
	list := baseList(Pagination{Kind: AllAtOnce})
	data := []any{thing{"id": "a"}, thing{"name": "no key"}, nil, thing{"id": 12345678901234567}}
	keys, err, _ := listAll(t, list, provider.ListQuery{}, func(url.Values) answer {
		return answer{body: thing{"data": data}}
	})
	if err != nil || !reflect.DeepEqual(keys, []string{"a", "12345678901234567"}) {
		t.Errorf("%v, %v", keys, err)
	}
	_, err, _ = listAll(t, list, provider.ListQuery{PageToken: "x"}, func(url.Values) answer { return answer{} })
	told(t, err, codes.InvalidArgument, "page token")
}

package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// PaginationKind is how an API tells where its next page begins.
type PaginationKind string

// The kinds.
const (
	// AllAtOnce: it gives everything.
	AllAtOnce PaginationKind = "none"
	// ByPage: pages have numbers.
	ByPage PaginationKind = "page"
	// ByOffset: items have positions.
	ByOffset PaginationKind = "offset"
	// ByCursor: the body holds what to ask for next.
	ByCursor PaginationKind = "cursor"
	// ByLastKey: the key of the last item is what to ask for next.
	ByLastKey PaginationKind = "lastKey"
	// ByNextURL: the body holds the address of the next page.
	ByNextURL PaginationKind = "nextUrl"
	// ByLink: the header Link holds it.
	ByLink PaginationKind = "link"
)

// Pagination says how an API tells where its next page begins.
type Pagination struct {
	// Kind is how.
	Kind PaginationKind
	// Parameter asks for a page, by number, position, cursor or key.
	Parameter string
	// First is the number of the first page.
	First int
	// Next is where the body holds what is next: a JSON Pointer.
	Next string
}

// List says how a type is listed.
type List struct {
	// Request asks for a page.
	Request Request
	// Items is where the items stand in the body: a JSON Pointer; empty for the body itself.
	Items string
	// KeyFields are members of an item that its key is made of, behind what stands for Parents.
	KeyFields []string
	// Parents are parameters of the list's own path: the first parts of each key, given as the prefix of a list.
	Parents []string
	// Pagination says how pages follow each other.
	Pagination Pagination
	// PageSizeParameter is that for the size of a page, if there is one; the API takes PageSizeMax at most.
	PageSizeParameter string
	PageSizeMax       int
	// SearchParameter is what the API searches by. Empty: what was got is searched here.
	SearchParameter string
	// TitleField and SummaryField are members of an item to show.
	TitleField, SummaryField string
}

const summaryMaxChars = 300

// ListItems lists keys of a type.
func ListItems(api *API, list List) func(context.Context, provider.ListQuery) (provider.ListPage, error) {
	return func(ctx context.Context, query provider.ListQuery) (provider.ListPage, error) {
		page, err := list.page(ctx, api, query)
		if err != nil || page == nil {
			return provider.ListPage{}, err
		}
		return *page, nil
	}
}

// place is where a list goes on: at the API, and behind how many items of that page.
type place struct {
	at   string
	skip int
}

// step is a page of the API, and what was asked for.
type step struct {
	answer *incoming
	body   any
	// at is where this page began.
	at string
	// size was asked for.
	size  int
	items []any
	// last is the key of its last item.
	last string
}

// page is nil when there is nothing to list.
func (l *List) page(ctx context.Context, api *API, query provider.ListQuery) (*provider.ListPage, error) {
	parents, err := l.parentsOf(query.KeyPrefix)
	if err != nil {
		return nil, err
	}
	from, err := readToken(query.PageToken)
	if err != nil {
		return nil, err
	}
	now := step{at: from.at, size: l.sizeOf(query.PageSize)}
	now.answer, err = l.ask(ctx, api, l.values(query, parents, now.size), from.at)
	if err != nil || now.answer.isAbsent() {
		return nil, err
	}
	if now.body, err = readJSON(now.answer.body); err != nil {
		text := "the API answers a list with no JSON"
		return nil, &provider.Error{Code: codes.Internal, Text: text, Cause: err}
	}
	now.items, _ = valueAt(now.body, l.Items).([]any)
	entries := l.entries(parents, now.items)
	if len(entries) > 0 {
		now.last = entries[len(entries)-1].Key
	}
	if from.skip > len(entries) {
		from.skip = len(entries)
	}
	rest := entries[from.skip:]
	// What the API sends at once may be more than was asked for: the rest is the next page.
	if len(rest) > query.PageSize {
		next := place{at: from.at, skip: from.skip + query.PageSize}
		return &provider.ListPage{Entries: l.fitting(rest[:query.PageSize], query), NextPageToken: next.token()}, nil
	}
	page := &provider.ListPage{Entries: l.fitting(rest, query)}
	if at := l.nextOf(now); at != "" && at != from.at {
		page.NextPageToken = place{at: at}.token()
	}
	return page, nil
}

func (l *List) sizeOf(wanted int) int {
	if l.PageSizeParameter != "" && l.PageSizeMax < wanted {
		return l.PageSizeMax
	}
	return wanted
}

func (l *List) values(query provider.ListQuery, parents []string, size int) arguments {
	values := arguments{}
	for at, name := range l.Parents {
		values[name] = parents[at]
	}
	if l.PageSizeParameter != "" {
		values[l.PageSizeParameter] = size
	}
	if l.SearchParameter != "" && query.Text != "" {
		values[l.SearchParameter] = query.Text
	}
	return values
}

var tokenForm = regexp.MustCompile(`(?s)^(\d{1,9}):(.*)$`)

func readToken(token string) (place, error) {
	if token == "" {
		return place{}, nil
	}
	found := tokenForm.FindStringSubmatch(token)
	if found == nil {
		return place{}, provider.Errorf(codes.InvalidArgument, "the page token is none of this provider")
	}
	skip, err := strconv.Atoi(found[1])
	return place{at: found[2], skip: skip}, err
}

func (p place) token() string { return strconv.Itoa(p.skip) + ":" + p.at }

// parentsOf reads the values of the list's own parameters, which a prefix has to hold whole.
func (l *List) parentsOf(keyPrefix string) ([]string, error) {
	count := len(l.Parents)
	if count == 0 {
		return nil, nil
	}
	if given := strings.Split(keyPrefix, "/"); len(given) > count {
		whole := strings.Join(given[:count], "/") + "/"
		values, isKey := partsOf(whole, count+1)
		if isKey && !contains(values[:count], "") {
			return values[:count], nil
		}
	}
	form := "<" + strings.Join(l.Parents, ">/<") + ">/"
	return nil, provider.Errorf(codes.InvalidArgument, "this type is listed by the key prefix %s", form)
}

func contains(texts []string, text string) bool {
	for _, each := range texts {
		if each == text {
			return true
		}
	}
	return false
}

func (l *List) ask(ctx context.Context, api *API, values arguments, at string) (*incoming, error) {
	if at != "" {
		switch l.Pagination.Kind {
		case ByNextURL, ByLink:
			return api.follow(ctx, &l.Request, at)
		case AllAtOnce:
		default:
			values[l.Pagination.Parameter] = at
		}
	}
	return api.call(ctx, &l.Request, values, "")
}

var nextLink = regexp.MustCompile(`<([^>]*)>\s*;[^,]*\brel="?next"?`)

// nextOf is where the next page begins; empty: this is the last one.
func (l *List) nextOf(now step) string {
	isFull := len(now.items) > 0 && (l.PageSizeParameter == "" || len(now.items) >= now.size)
	switch l.Pagination.Kind {
	case ByPage:
		if isFull {
			return strconv.Itoa(numberOr(now.at, l.Pagination.First) + 1)
		}
	case ByOffset:
		if isFull {
			return strconv.Itoa(numberOr(now.at, 0) + len(now.items))
		}
	case ByCursor, ByNextURL:
		next, _ := scalarText(valueAt(now.body, l.Pagination.Next))
		return next
	case ByLastKey:
		parts, isKey := partsOf(now.last, strings.Count(now.last, "/")+1)
		if isFull && isKey {
			return parts[len(parts)-1]
		}
	case ByLink:
		if found := nextLink.FindStringSubmatch(strings.Join(now.answer.header.Values("Link"), ", ")); found != nil {
			return found[1]
		}
	}
	return ""
}

func numberOr(text string, otherwise int) int {
	if number, err := strconv.Atoi(text); err == nil {
		return number
	}
	return otherwise
}

func (l *List) entries(parents []string, items []any) []provider.ListEntry {
	var entries []provider.ListEntry
	for _, item := range items {
		parts := append([]string{}, parents...)
		for _, field := range l.KeyFields {
			if part, isScalar := scalarText(valueAt(item, "/"+field)); isScalar && part != "" {
				parts = append(parts, part)
			}
		}
		if len(parts) == len(parents)+len(l.KeyFields) {
			entries = append(entries, provider.ListEntry{
				Key: keyOf(parts), Title: shown(item, l.TitleField), Summary: shown(item, l.SummaryField),
			})
		}
	}
	return entries
}

// scalarText is a text or a number.
func scalarText(value any) (text string, isScalar bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	default:
		return "", false
	}
}

func shown(item any, field string) string {
	if field == "" {
		return ""
	}
	text, _ := valueAt(item, "/"+field).(string)
	if characters := []rune(text); len(characters) > summaryMaxChars {
		return string(characters[:summaryMaxChars])
	}
	return text
}

// fitting leaves what has the prefix, and the words if the API has not searched for them.
func (l *List) fitting(entries []provider.ListEntry, query provider.ListQuery) []provider.ListEntry {
	var words []string
	if l.SearchParameter == "" {
		words = strings.Fields(strings.ToLower(query.Text))
	}
	var fitting []provider.ListEntry
	for _, entry := range entries {
		text := strings.ToLower(entry.Key + " " + entry.Title + " " + entry.Summary)
		if strings.HasPrefix(entry.Key, query.KeyPrefix) && containsAll(text, words) {
			fitting = append(fitting, entry)
		}
	}
	return fitting
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// readJSON keeps the digits of numbers.
func readJSON(data []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the JSON")
	}
	return value, nil
}

// valueAt is what a JSON Pointer means; nil when there is nothing.
func valueAt(value any, pointer string) any {
	for _, segment := range strings.Split(pointer, "/")[1:] {
		name := strings.ReplaceAll(strings.ReplaceAll(segment, "~1", "/"), "~0", "~")
		switch held := value.(type) {
		case map[string]any:
			value = held[name]
		case []any:
			at, err := strconv.Atoi(name)
			if err != nil || at < 0 || at >= len(held) {
				return nil
			}
			value = held[at]
		default:
			return nil
		}
	}
	return value
}

package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

const (
	// wordsMax: words of a query beyond so many say nothing more.
	wordsMax      = 16
	titleMaxChars = 200
)

// scores say how well a title matches the words, by its rank: the whole, its beginning, or somewhere.
var scores = []float64{1, 0.8, 0.5}

// place is where a page ended: the rank and the parts of the key of its last row.
type place struct {
	rank  int
	parts []string
}

// listRows lists the keys of a table: in the order of its key, or of how well the titles match the words.
func listRows(ctx context.Context, database *Database, table *Table, query provider.ListQuery) (provider.ListPage, error) {
	var after *place
	if query.PageToken != "" {
		read, err := readToken(table, query.PageToken)
		if err != nil {
			return provider.ListPage{}, err
		}
		after = read
	}
	asked, isPossible := listStatement(table, query, after)
	if !isPossible {
		return provider.ListPage{}, nil
	}
	// Besides the size of the page there may be values to look for.
	asked.isTrial = len(asked.params) > 1
	found, err := database.read(ctx, asked)
	if err != nil {
		if asked.isTrial && isDataFailure(err) {
			// What cannot be cast to the type of its column is the value of no row.
			return provider.ListPage{}, nil
		}
		return provider.ListPage{}, err
	}
	return pageOf(table, query, found), nil
}

func pageOf(table *Table, query provider.ListQuery, found rows) provider.ListPage {
	var page provider.ListPage
	if len(found) > query.PageSize {
		found = found[:query.PageSize]
		page.NextPageToken = writeToken(table, found[len(found)-1])
	}
	for _, row := range found {
		key, isKey := formatKey(partsOf(table, row))
		if !isKey || !strings.HasPrefix(key, query.KeyPrefix) {
			continue
		}
		entry := provider.ListEntry{Key: key}
		if table.TitleColumn != "" {
			entry.Title = string(row[1])
		}
		if rank, err := strconv.Atoi(string(row[0])); query.Text != "" && err == nil && rank < len(scores) {
			entry.Score = scores[rank]
		}
		page.Entries = append(page.Entries, entry)
	}
	return page
}

// listStatement makes rows of the rank, the title, and the columns of the key; false when there can be none.
func listStatement(table *Table, query provider.ListQuery, after *place) (asked statement, isPossible bool) {
	var values params
	title := titleSQL(table)
	keys := make([]string, len(table.Key))
	var conditions []string
	for at, name := range table.Key {
		keys[at] = ofTable(name)
		conditions = append(conditions, keys[at]+" is not null")
	}
	prefix, isPossible := prefixSQL(table, query.KeyPrefix, &values)
	if !isPossible {
		return statement{}, false
	}
	conditions = append(conditions, prefix...)
	words, filters := readWords(table, query.Text)
	for _, filter := range filters {
		condition, isPossible := filterSQL(table, filter.column, filter.value, &values)
		if !isPossible {
			return statement{}, false
		}
		conditions = append(conditions, condition)
	}
	rank := rankSQL(title, words, &values)
	for _, word := range words {
		conditions = append(conditions, title+" ilike "+values.add("%"+literalPattern(word)+"%"))
	}
	if after != nil {
		conditions = append(conditions, afterSQL(table, rank, after, &values))
	}
	order := keys
	if rank != "0" {
		order = append([]string{"1"}, keys...)
	}
	sql := fmt.Sprintf("select %s, pg_catalog.left(%s, %d), %s\nfrom %s\nwhere %s\norder by %s\nlimit %s::pg_catalog.int4",
		rank, title, titleMaxChars, strings.Join(keys, ", "), from(table),
		strings.Join(conditions, " and "), strings.Join(order, ", "), values.add(strconv.Itoa(query.PageSize+1)))
	return statement{sql: sql, params: values.values, caller: query.Caller}, true
}

// titleSQL is what people know a row by; its key when there is nothing else.
func titleSQL(table *Table) string {
	if table.TitleColumn != "" {
		return ofTable(table.TitleColumn) + "::pg_catalog.text"
	}
	texts := make([]string, len(table.Key))
	for at, name := range table.Key {
		texts[at] = ofTable(name) + "::pg_catalog.text"
	}
	return "pg_catalog.concat_ws('/', " + strings.Join(texts, ", ") + ")"
}

func rankSQL(title string, words []string, values *params) string {
	if len(words) == 0 {
		return "0"
	}
	phrase := literalPattern(strings.Join(words, " "))
	return fmt.Sprintf("case when %s ilike %s then 0 when %s ilike %s then 1 else 2 end",
		title, values.add(phrase), title, values.add(phrase+"%"))
}

// afterSQL goes on behind a row by its values, so that a page costs the same wherever it lies.
func afterSQL(table *Table, rank string, after *place, values *params) string {
	keys := make([]string, len(table.Key))
	held := make([]string, len(table.Key))
	for at, name := range table.Key {
		column := table.column(name)
		keys[at] = ofTable(name)
		held[at] = values.add(paramOf(column.Codec, after.parts[at])) + "::" + column.SQL
	}
	behind := fmt.Sprintf("(%s) > (%s)", strings.Join(keys, ", "), strings.Join(held, ", "))
	if rank == "0" {
		return behind
	}
	at := values.add(strconv.Itoa(after.rank)) + "::pg_catalog.int4"
	return fmt.Sprintf("(%s > %s or (%s = %s and %s))", rank, at, rank, at, behind)
}

// prefixSQL is false when no key begins so.
func prefixSQL(table *Table, prefix string, values *params) (conditions []string, isPossible bool) {
	parts, isPrefix := parsePrefix(prefix)
	if !isPrefix || len(parts) > len(table.Key) {
		return nil, false
	}
	for at, part := range parts {
		name := table.Key[at]
		switch {
		case at < len(parts)-1:
			condition, isPossible := filterSQL(table, name, part, values)
			if !isPossible {
				return nil, false
			}
			conditions = append(conditions, condition)
		case part != "":
			text := paramOf(table.column(name).Codec, part)
			if strings.HasSuffix(text, "Z") {
				text = strings.TrimSuffix(text, "Z") + "+00"
			}
			pattern := values.add(literalPattern(text) + "%")
			conditions = append(conditions, ofTable(name)+"::pg_catalog.text like "+pattern)
		}
	}
	return conditions, true
}

// filterSQL is false when no row has the value.
func filterSQL(table *Table, name, value string, values *params) (condition string, isPossible bool) {
	column := table.column(name)
	if judge(column.SQL, value) == isNone {
		return "", false
	}
	return fmt.Sprintf("%s = %s::%s", ofTable(name), values.add(paramOf(column.Codec, value)), column.SQL), true
}

// filter wants a value of a column.
type filter struct {
	column, value string
}

// readWords parts words from filters, such as customer_id=5, of columns that may be asked for so.
func readWords(table *Table, text string) (words []string, filters []filter) {
	all := strings.Fields(strings.ReplaceAll(text, "\x00", ""))
	if len(all) > wordsMax {
		all = all[:wordsMax]
	}
	for _, word := range all {
		name, value, isPair := strings.Cut(word, "=")
		column := decoded(name)
		if isPair && name != "" && contains(table.Filters, column) {
			filters = append(filters, filter{column, decoded(value)})
		} else {
			words = append(words, word)
		}
	}
	return words, filters
}

func contains(names []string, name string) bool {
	for _, each := range names {
		if each == name {
			return true
		}
	}
	return false
}

// decoded: blanks in names and values stand percent-encoded.
func decoded(text string) string {
	plain, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(plain) {
		return text
	}
	return strings.ReplaceAll(plain, "\x00", "")
}

// partsOf reads the parts of the key behind rank and title.
func partsOf(table *Table, row [][]byte) []string {
	parts := make([]string, len(table.Key))
	for at, name := range table.Key {
		parts[at] = keyText(table.column(name).Codec, string(row[at+2]))
	}
	return parts
}

func writeToken(table *Table, row [][]byte) string {
	held := []any{json.Number(row[0])}
	for _, part := range partsOf(table, row) {
		held = append(held, part)
	}
	// Numbers and texts have JSON.
	token, _ := json.Marshal(held)
	return base64.RawURLEncoding.EncodeToString(token)
}

func readToken(table *Table, token string) (*place, error) {
	fault := provider.Errorf(codes.InvalidArgument, "the page token is none of this list")
	data, err := base64.RawURLEncoding.DecodeString(token)
	var held []json.RawMessage
	if err != nil || json.Unmarshal(data, &held) != nil || len(held) != len(table.Key)+1 {
		return nil, fault
	}
	read := &place{parts: make([]string, len(table.Key))}
	if json.Unmarshal(held[0], &read.rank) != nil {
		return nil, fault
	}
	for at := range read.parts {
		if json.Unmarshal(held[at+1], &read.parts[at]) != nil || strings.ContainsRune(read.parts[at], 0) {
			return nil, fault
		}
	}
	return read, nil
}

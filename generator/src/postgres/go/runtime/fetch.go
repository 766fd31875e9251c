package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// sought is a key that may be one of the table.
type sought struct {
	query provider.Query
	parts []string
}

// gathering collects the answers of a batch, by their keys.
type gathering struct {
	database *Database
	table    *Table
	answers  map[string]provider.Answer
}

// fetchRows gets rows by their keys, all of them in one statement; the answers stand in the order of the
// queries.
func fetchRows(ctx context.Context, database *Database, table *Table, queries []provider.Query) []provider.Answer {
	g := &gathering{database: database, table: table, answers: map[string]provider.Answer{}}
	var sure, unknown []sought
	seen := map[string]bool{}
	for _, query := range queries {
		parts, isKey := parseKey(query.Key, len(table.Key))
		if !isKey || seen[query.Key] {
			continue
		}
		seen[query.Key] = true
		switch judgeAll(table, parts) {
		case isValue:
			sure = append(sure, sought{query, parts})
		case isUnknown:
			unknown = append(unknown, sought{query, parts})
		}
	}
	// Texts that may not be cast are asked for apart: one of them fails its statement.
	for _, group := range append(chunksOf(sure), chunksOf(unknown)...) {
		g.fetch(ctx, group)
	}
	answers := make([]provider.Answer, len(queries))
	for at, query := range queries {
		answers[at] = g.answers[query.Key]
	}
	return answers
}

// rowsPerStatement is as many rows as one statement brings: together they have to fit into memory.
const rowsPerStatement = 64

func chunksOf(all []sought) [][]sought {
	var chunks [][]sought
	for ; len(all) > rowsPerStatement; all = all[rowsPerStatement:] {
		chunks = append(chunks, all[:rowsPerStatement])
	}
	return append(chunks, all)
}

func (g *gathering) fetch(ctx context.Context, group []sought) {
	if len(group) == 0 {
		return
	}
	err := g.fetchTogether(ctx, group)
	if err == nil {
		return
	}
	if !isDataFailure(err) {
		g.failAll(group, err)
		return
	}
	castable, castErr := g.onlyCastable(ctx, group)
	switch {
	case castErr != nil:
		g.failAll(group, castErr)
	case len(castable) == len(group):
		// If all of them are values, something else failed, such as a computation of a view.
		g.failAll(group, err)
	default:
		g.fetch(ctx, castable)
	}
}

func (g *gathering) failAll(group []sought, err error) {
	for _, each := range group {
		g.put(each.query.Key, provider.Answer{Err: err})
	}
}

func (g *gathering) put(key string, answer provider.Answer) {
	if g.answers[key].Content != nil {
		answer = provider.Answer{Err: provider.Errorf(codes.FailedPrecondition,
			"the key of %s stands for several rows: the provider must name other columns", g.table.Type)}
	}
	g.answers[key] = answer
}

func (g *gathering) fetchTogether(ctx context.Context, group []sought) error {
	asked := statement{
		sql:     fetchSQL(g.table),
		caller:  group[0].query.Caller,
		isTrial: judgeAll(g.table, group[0].parts) == isUnknown,
	}
	for at, name := range g.table.Key {
		texts := make([]string, len(group))
		for number, each := range group {
			texts[number] = paramOf(g.table.column(name).Codec, each.parts[at])
		}
		asked.params = append(asked.params, arrayOf(texts))
	}
	found, err := g.database.read(ctx, asked)
	if err != nil {
		return err
	}
	for _, row := range found {
		place, err := strconv.Atoi(string(row[0]))
		if err != nil {
			return err
		}
		key := group[place-1].query.Key
		// What the database takes for the same, such as "A" and "a" in citext, is another key all the same.
		texts := row[2:]
		if written, isKey := keyFrom(g.table, g.table.Key, texts); isKey && written == key {
			g.put(key, g.answerOf(key, texts, string(row[1]) == "t"))
		}
	}
	return nil
}

func (g *gathering) onlyCastable(ctx context.Context, group []sought) ([]sought, error) {
	var castable []sought
	for _, each := range group {
		asked := statement{sql: castSQL(g.table), caller: each.query.Caller, isTrial: true}
		for at, name := range g.table.Key {
			asked.params = append(asked.params, []byte(paramOf(g.table.column(name).Codec, each.parts[at])))
		}
		_, err := g.database.read(ctx, asked)
		if err == nil {
			castable = append(castable, each)
		} else if !isDataFailure(err) {
			return nil, err
		}
	}
	return castable, nil
}

// answerOf fails the row alone when a value of it cannot be read.
func (g *gathering) answerOf(key string, texts [][]byte, fits bool) provider.Answer {
	if !fits {
		return provider.Answer{Err: provider.Errorf(codes.ResourceExhausted,
			"the row of %s is larger than %d MiB: the provider must leave large columns out", g.table.Type, rowMaxBytes>>20)}
	}
	value, err := rowOf(g.table, texts)
	if err != nil {
		g.database.onFault(changed.mend, err)
		text := "a row of " + g.table.Type + " is not as the provider knows it: the provider must be generated again"
		return provider.Answer{Err: &provider.Error{Code: changed.code, Text: text, Cause: err}}
	}
	source := strings.Map(visible, g.table.Schema+"."+g.table.Name+"/"+key)
	return provider.Answer{Content: &provider.Content{Value: json.RawMessage(value), Source: source}}
}

// visible makes blanks of control characters.
func visible(each rune) rune {
	if unicode.IsControl(each) {
		return ' '
	}
	return each
}

// rowOf writes a row as JSON: its columns, and the refs of what it refers to.
func rowOf(table *Table, texts [][]byte) ([]byte, error) {
	out := bytes.NewBufferString("{")
	for at := range table.Columns {
		if at > 0 {
			out.WriteByte(',')
		}
		writeText(out, table.Columns[at].Name)
		out.WriteByte(':')
		if err := decode(out, table.Columns[at].Codec, texts[at]); err != nil {
			return nil, err
		}
	}
	if len(table.Links) > 0 {
		out.WriteByte(',')
		writeText(out, table.LinksMember)
		out.WriteByte(':')
		writeRefs(out, table, texts)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func writeRefs(out *bytes.Buffer, table *Table, texts [][]byte) {
	out.WriteByte('{')
	isFirst := true
	for _, link := range table.Links {
		key, isKey := keyFrom(table, link.Columns, texts)
		if !isKey {
			continue
		}
		if !isFirst {
			out.WriteByte(',')
		}
		isFirst = false
		writeText(out, link.Name)
		out.WriteByte(':')
		writeText(out, link.Type+"/"+key)
	}
	out.WriteByte('}')
}

// keyFrom is the key that some columns of a row make; false when one of them is null.
func keyFrom(table *Table, names []string, texts [][]byte) (key string, isKey bool) {
	parts := make([]string, len(names))
	for at, name := range names {
		place := table.place(name)
		if texts[place] == nil {
			return "", false
		}
		parts[at] = keyText(table.Columns[place].Codec, string(texts[place]))
	}
	return formatKey(parts)
}

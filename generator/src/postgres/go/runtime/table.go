// Package postgres offers the tables and views of a PostgreSQL database as context types.
package postgres

import (
	"fmt"
	"time"

	"github.com/weir/weir-go"
)

// Column is a column of a table or view.
type Column struct {
	// Name is its name in the database, and in the JSON of a row.
	Name string
	// SQL is its type as SQL writes it, such as integer; values that are looked for are cast to it.
	SQL string
	// Codec says what becomes of its values in JSON.
	Codec Codec
}

// Link is a foreign key whose target is offered too: the target's ref can be made from a row.
type Link struct {
	// Name is the member of Table.LinksMember that holds the ref.
	Name string
	// Type is the context type that the row refers to.
	Type string
	// Columns hold the target's key, in the order of that key.
	Columns []string
}

// Table is a table or view, and how it is offered as a context type.
type Table struct {
	// Type is the context type.
	Type string
	// Version is the version of the context type, semver: raise it when the schema changes.
	Version string
	// Title is what people call it.
	Title string
	// JSONSchema is the JSON Schema of its values, as JSON.
	JSONSchema string
	// Schema is the schema of the database that the table lies in.
	Schema string
	// Name is the name of the table or view.
	Name string
	// Columns are read, in their order.
	Columns []Column
	// Key names the columns that make the key.
	Key []string
	// TitleColumn is that by which people know a row. Default: none; then words are looked for in the key.
	TitleColumn string
	// Links are foreign keys. Default: none.
	Links []Link
	// LinksMember is the member of a value that holds its refs. Needed with Links.
	LinksMember string
	// Filters are columns by whose value rows can be listed, as customer_id=5. Default: none.
	Filters []string
	// Sensitivity is how sensitive rows are. Default: weir.Internal.
	Sensitivity weir.Sensitivity
	// TTL is how long a row is held to stay true. Default: 5 s.
	TTL time.Duration
}

// Check returns an error that names what the table is described without, or nil.
func (t *Table) Check() error {
	if len(t.Key) == 0 {
		return fmt.Errorf("%s has no Key: name the columns that make it", t.Type)
	}
	named := append(append([]string{}, t.Key...), t.Filters...)
	if t.TitleColumn != "" {
		named = append(named, t.TitleColumn)
	}
	for _, link := range t.Links {
		named = append(named, link.Columns...)
	}
	if len(t.Links) > 0 && t.LinksMember == "" {
		return fmt.Errorf("%s has Links and no LinksMember: name the member that holds the refs", t.Type)
	}
	for _, name := range named {
		if t.place(name) < 0 {
			return fmt.Errorf("%s has no column %q among its Columns", t.Type, name)
		}
	}
	return nil
}

// place is where a column stands; -1: nowhere.
func (t *Table) place(name string) int {
	for at := range t.Columns {
		if t.Columns[at].Name == name {
			return at
		}
	}
	return -1
}

// column is one that Check has found.
func (t *Table) column(name string) *Column {
	return &t.Columns[t.place(name)]
}

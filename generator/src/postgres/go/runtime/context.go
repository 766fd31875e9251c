package postgres

import (
	"context"
	"time"

	"github.com/weir/weir-go/provider"
)

const defaultTTL = 5 * time.Second

// Context offers a table or view as a context type: its rows are fetched by their keys, and listed. It fails
// when the table names a column that it does not describe.
func Context(database *Database, table Table) (provider.Context, error) {
	if err := table.Check(); err != nil {
		return provider.Context{}, err
	}
	offered := provider.Context{
		Type:        table.Type,
		Version:     table.Version,
		Title:       table.Title,
		Schema:      table.JSONSchema,
		Scope:       provider.ScopeTenant,
		TTL:         table.TTL,
		Sensitivity: table.Sensitivity,
		FetchMany: func(ctx context.Context, queries []provider.Query) ([]provider.Answer, error) {
			return fetchRows(ctx, database, &table, queries), nil
		},
		List: func(ctx context.Context, query provider.ListQuery) (provider.ListPage, error) {
			return listRows(ctx, database, &table, query)
		},
	}
	if offered.TTL == 0 {
		offered.TTL = defaultTTL
	}
	if database.tellCaller {
		// What policies of the database decided for one caller is no other's.
		offered.Scope = provider.ScopePrincipal
	}
	return offered, nil
}

// Contexts offers tables and views, each as Context does.
func Contexts(database *Database, tables []Table) ([]provider.Context, error) {
	offered := make([]provider.Context, len(tables))
	for at, table := range tables {
		context, err := Context(database, table)
		if err != nil {
			return nil, err
		}
		offered[at] = context
	}
	return offered, nil
}

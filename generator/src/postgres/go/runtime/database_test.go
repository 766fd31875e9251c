package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// openTest opens the database in which testdata/notes.sql was run.
func openTest(t *testing.T, options Options) *Database {
	t.Helper()
	options.URL = os.Getenv("DATABASE_URL")
	if options.URL == "" {
		t.Skip("set DATABASE_URL to a database in which testdata/notes.sql was run")
	}
	database, err := Open(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Close)
	return database
}

var notes = Table{
	Type: "Note", Version: "1.0.0", JSONSchema: `{"type":"object"}`, Schema: "public", Name: "note",
	Columns: []Column{
		{Name: "id", SQL: "integer", Codec: Number},
		{Name: "day", SQL: "date", Codec: Text},
		{Name: "body", SQL: "text", Codec: Text},
	},
	Key: []string{"id", "day"}, TitleColumn: "body",
}

func failureCode(err error) codes.Code {
	var failure *provider.Error
	if !errors.As(err, &failure) {
		return codes.Unknown
	}
	return failure.Code
}

func TestSessionsOnlyRead(t *testing.T) {
	database := openTest(t, Options{})
	ctx := context.Background()
	var faults []string
	database.onFault = func(text string, err error) { faults = append(faults, err.Error()) }
	_, err := database.read(ctx, statement{sql: "insert into note values (9, '2026-01-01', 'x', 'y')"})
	if err == nil || strings.Contains(err.Error(), "note") || len(faults) != 1 || !strings.Contains(faults[0], "25006") {
		t.Errorf("%v, %v", err, faults)
	}
	url := os.Getenv("DATABASE_URL") + "?options=-c%20default_transaction_read_only%3Doff"
	other, err := Open(ctx, Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	found, err := other.read(ctx, statement{sql: "show default_transaction_read_only"})
	if err != nil || string(found[0][0]) != "on" {
		t.Errorf("options of the URL go before: %q, %v", found, err)
	}
}

func TestStatementsHaveLimits(t *testing.T) {
	database := openTest(t, Options{StatementTimeout: 50 * time.Millisecond})
	_, err := database.read(context.Background(), statement{sql: "select pg_catalog.pg_sleep(30)"})
	if failureCode(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
	database = openTest(t, Options{MaxConnections: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err = database.read(ctx, statement{sql: "select pg_catalog.pg_sleep(30)"}); failureCode(err) != codes.Canceled {
		t.Error(err)
	}
	if _, err = database.read(context.Background(), statement{sql: "select 1"}); err != nil {
		t.Errorf("the only connection is lost: %v", err)
	}
}

func TestManyKeysInOneQuery(t *testing.T) {
	database := openTest(t, Options{})
	keys := []string{"2/2026-01-02", "1/2026-01-01", "1/2026-13-01", "1/soon", "1", "x/2026-01-01", "1/2026-01-01"}
	var queries []provider.Query
	for _, key := range keys {
		queries = append(queries, provider.Query{Key: key})
	}
	answers := fetchRows(context.Background(), database, &notes, queries)
	for at, answer := range answers {
		isThere := at < 2 || at == 6
		if answer.Err != nil || (answer.Content != nil) != isThere {
			t.Errorf("%s: %+v", keys[at], answer)
		}
	}
	const row = `{"id":2,"day":"2026-01-02","body":"{\"quoted\\, %_"}`
	if found := string(answers[0].Content.Value.(json.RawMessage)); found != row {
		t.Error(found)
	}
}

func TestPagesFollowTheKey(t *testing.T) {
	database := openTest(t, Options{})
	list := func(query provider.ListQuery) (keys []string) {
		query.PageSize = 2
		for pages := 0; pages < 10; pages++ {
			page, err := listRows(context.Background(), database, &notes, query)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range page.Entries {
				keys = append(keys, entry.Key)
			}
			if query.PageToken = page.NextPageToken; query.PageToken == "" {
				return keys
			}
		}
		t.Fatal("the list has no end")
		return nil
	}
	for wanted, query := range map[string]provider.ListQuery{
		"1/2026-01-01 2/2026-01-02 3/2026-01-03 10/2026-01-10": {},
		"1/2026-01-01 10/2026-01-10":                           {KeyPrefix: "1"},
		"10/2026-01-10":                                        {KeyPrefix: "10/2026-"},
		"":                                                     {KeyPrefix: "x/"},
		"2/2026-01-02":                                         {Text: "%_"},
		"3/2026-01-03 1/2026-01-01":                            {Text: "hello"},
	} {
		if keys := strings.Join(list(query), " "); keys != wanted {
			t.Errorf("%+v: %s", query, keys)
		}
	}
	_, err := listRows(context.Background(), database, &notes, provider.ListQuery{PageSize: 1, PageToken: "x"})
	if failureCode(err) != codes.InvalidArgument {
		t.Error(err)
	}
}

func TestTheDatabaseIsToldForWhom(t *testing.T) {
	mine := notes
	mine.Name, mine.Key = "mine", []string{"id"}
	for principal, isThere := range map[string]bool{"ann": true, "bob": false} {
		database := openTest(t, Options{TellCaller: true, MaxConnections: 1})
		query := provider.Query{Key: "1", Caller: provider.Caller{Tenant: "main", Principal: principal}}
		answers := fetchRows(context.Background(), database, &mine, []provider.Query{query})
		if answers[0].Err != nil || (answers[0].Content != nil) != isThere {
			t.Errorf("%s: %+v", principal, answers[0])
		}
		found, err := database.read(context.Background(), statement{sql: "select pg_catalog.current_setting('weir.principal', true)"})
		if err != nil || string(found[0][0]) != "" {
			t.Errorf("it is remembered for whom it was: %q, %v", found, err)
		}
	}
}

func TestASchemaThatHasChanged(t *testing.T) {
	var mends []string
	database := openTest(t, Options{OnFault: func(text string, _ error) { mends = append(mends, text) }})
	gone := notes
	gone.Columns = append([]Column{{Name: "gone", SQL: "text", Codec: Text}}, notes.Columns...)
	answers := fetchRows(context.Background(), database, &gone, []provider.Query{{Key: "1/2026-01-01"}})
	if failureCode(answers[0].Err) != codes.FailedPrecondition || strings.Contains(answers[0].Err.Error(), "gone") {
		t.Error(answers[0].Err)
	}
	if len(mends) != 1 || !strings.Contains(mends[0], "generate the provider again") {
		t.Error(mends)
	}
	other := notes
	other.Columns = append([]Column{}, notes.Columns...)
	other.Columns[2].Codec = Array{Of: Text}
	answers = fetchRows(context.Background(), database, &other, []provider.Query{{Key: "1/2026-01-01"}})
	if failureCode(answers[0].Err) != codes.FailedPrecondition {
		t.Error(answers[0].Err)
	}
}

func TestALargeRowIsRefusedAlone(t *testing.T) {
	database := openTest(t, Options{})
	large := notes
	large.Name = "large"
	answers := fetchRows(context.Background(), database, &large, []provider.Query{{Key: "1/2026-01-01"}, {Key: "2/2026-01-01"}})
	if failureCode(answers[0].Err) != codes.ResourceExhausted || answers[1].Content == nil {
		t.Errorf("%+v", answers)
	}
}

func TestErrorsNameNoPassword(t *testing.T) {
	for _, url := range []string{
		"mysql://user:hush@127.0.0.1/x", "postgres://user:hush@127.0.0.1:1/x?connect_timeout=2", "postgres://user:hush@[/x", "user:hush",
	} {
		database, err := Open(context.Background(), Options{URL: url})
		if err == nil {
			database.Close()
			t.Errorf("%s is opened", url)
		} else if strings.Contains(err.Error(), "hush") {
			t.Error(err)
		}
	}
	for _, options := range []Options{{MaxConnections: 101}, {StatementTimeout: time.Hour}, {LockTimeout: -1}} {
		options.URL = "postgres://127.0.0.1/x"
		if _, err := Open(context.Background(), options); err == nil || !strings.Contains(err.Error(), " is not 1") {
			t.Errorf("%+v: %v", options, err)
		}
	}
}

func TestTablesAreDescribedWhole(t *testing.T) {
	if err := notes.Check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Table){
		func(table *Table) { table.Key = nil },
		func(table *Table) { table.Key = []string{"none"} },
		func(table *Table) { table.TitleColumn = "none" },
		func(table *Table) { table.Filters = []string{"none"} },
		func(table *Table) { table.Links = []Link{{Name: "a", Type: "A", Columns: []string{"id"}}} },
	} {
		table := notes
		change(&table)
		if table.Check() == nil {
			t.Errorf("%+v is whole", table)
		}
	}
}

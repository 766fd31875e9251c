package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// Options say how a database is opened.
type Options struct {
	// URL is where it is: postgres://user:password@host:5432/database.
	URL string
	// MaxConnections is the number of connections at once, 1 to 100. Default: 8.
	MaxConnections int
	// StatementTimeout is how long a statement may take, up to 10 min. Default: 4 s.
	StatementTimeout time.Duration
	// LockTimeout is how long a statement may wait for a lock, up to 10 min. Default: 1 s.
	LockTimeout time.Duration
	// TellCaller says whether the database is told for whom it is asked, in the settings weir.tenant,
	// weir.principal and weir.attributes (JSON) of each transaction, so that its row-level security can
	// decide for each caller. Default: no.
	TellCaller bool
	// OnFault is told of what callers learn nothing of, for the log: what it is and what to do, and the error.
	// It is called by several goroutines. Default: nobody is told.
	OnFault func(text string, err error)
}

// Database is a PostgreSQL database, opened for reading only.
type Database struct {
	pool       *pgxpool.Pool
	tellCaller bool
	onFault    func(text string, err error)
}

const (
	connectTimeout = 5 * time.Second
	idleTimeout    = time.Minute
	// idleInTransaction is the greatest time between two statements of a transaction.
	idleInTransaction = 10 * time.Second
	timeoutMax        = 10 * time.Minute
	connectionsMax    = 100
)

// formats give every value one text, whatever the database's own settings are.
var formats = map[string]string{
	"DateStyle":          "ISO",
	"IntervalStyle":      "iso_8601",
	"TimeZone":           "UTC",
	"bytea_output":       "hex",
	"extra_float_digits": "1",
	"client_encoding":    "UTF8",
}

var (
	errURL         = errors.New("the database URL is not like postgres://user:password@host:5432/database")
	errNotReadOnly = errors.New(`the sessions of this connection are not read-only: something between overrides the settings that were asked for; connect to the database itself, or to a pooler that passes them on`)
)

// Open opens a database; its sessions only read, and have limits for each statement and lock. It connects
// once, and fails when the database cannot be reached, sessions are not read-only, the URL is not one of
// PostgreSQL, or a limit is out of its bounds.
func Open(ctx context.Context, options Options) (*Database, error) {
	options = options.complete()
	config, err := options.config()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", failureOf(err).mend, err)
	}
	return &Database{pool: pool, tellCaller: options.TellCaller, onFault: options.OnFault}, nil
}

// Close ends all connections.
func (d *Database) Close() { d.pool.Close() }

func (o Options) complete() Options {
	if o.MaxConnections == 0 {
		o.MaxConnections = 8
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 4 * time.Second
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Second
	}
	if o.OnFault == nil {
		o.OnFault = func(string, error) {}
	}
	return o
}

func (o Options) config() (*pgxpool.Config, error) {
	if o.MaxConnections < 1 || o.MaxConnections > connectionsMax {
		return nil, fmt.Errorf("MaxConnections %d is not 1 to %d", o.MaxConnections, connectionsMax)
	}
	for name, value := range map[string]time.Duration{"StatementTimeout": o.StatementTimeout, "LockTimeout": o.LockTimeout} {
		if value < time.Millisecond || value > timeoutMax {
			return nil, fmt.Errorf("%s %v is not 1ms to %v", name, value, timeoutMax)
		}
	}
	// What the parsers say may hold the password.
	address, err := url.Parse(o.URL)
	if err != nil || (address.Scheme != "postgres" && address.Scheme != "postgresql") {
		return nil, errURL
	}
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errURL
	}
	config.MaxConns = int32(o.MaxConnections)
	config.MaxConnIdleTime = idleTimeout
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.AfterConnect = verify
	settings := config.ConnConfig.RuntimeParams
	for name, value := range formats {
		settings[name] = value
	}
	settings["application_name"] = "weir-postgres"
	settings["default_transaction_read_only"] = "on"
	settings["statement_timeout"] = milliseconds(o.StatementTimeout)
	settings["lock_timeout"] = milliseconds(o.LockTimeout)
	settings["idle_in_transaction_session_timeout"] = milliseconds(idleInTransaction)
	return config, nil
}

func milliseconds(duration time.Duration) string {
	return strconv.FormatInt(duration.Milliseconds(), 10)
}

// verify looks whether a session is what it should be: of another nobody gets hold.
func verify(ctx context.Context, connection *pgx.Conn) error {
	const sql = `select pg_catalog.current_setting('default_transaction_read_only'),
pg_catalog.current_setting('bytea_output') || pg_catalog.current_setting('TimeZone')`
	found, err := run(ctx, connection, statement{sql: sql})
	if err != nil {
		return err
	}
	if len(found) != 1 || string(found[0][0]) != "on" || string(found[0][1]) != "hexUTC" {
		return errNotReadOnly
	}
	return nil
}

// rows are texts, as the server writes them, in the order of the columns that were asked for; nil is null.
type rows [][][]byte

// statement is what is asked of a database.
type statement struct {
	sql    string
	params [][]byte
	// caller is for whom; told to the database when it wants to know.
	caller provider.Caller
	// isTrial: it is tried if a text is a value; that it is none is no fault then.
	isTrial bool
}

// read runs a statement. It fails with an error that names nothing of the database.
func (d *Database) read(ctx context.Context, asked statement) (rows, error) {
	found, err := d.readPooled(ctx, asked)
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return nil, &provider.Error{Code: codes.Canceled, Text: "nobody waits for it", Cause: ctx.Err()}
	default:
		return nil, toError(err, func(text string, err error) {
			if !asked.isTrial || !isDataFailure(err) {
				d.onFault(text, err)
			}
		})
	}
}

func (d *Database) readPooled(ctx context.Context, asked statement) (rows, error) {
	connection, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	// A connection that is broken, or in a transaction still, does not go back into the pool.
	defer connection.Release()
	if d.tellCaller {
		return readAsCaller(ctx, connection.Conn(), asked)
	}
	return run(ctx, connection.Conn(), asked)
}

// readAsCaller reads in a transaction of its own, since what is told of the caller must end with it.
func readAsCaller(ctx context.Context, connection *pgx.Conn, asked statement) (rows, error) {
	attributes, err := json.Marshal(asked.caller.Attributes)
	if err != nil {
		return nil, err
	}
	if _, err := run(ctx, connection, statement{sql: "begin transaction read only"}); err != nil {
		return nil, err
	}
	defer func() { _, _ = run(ctx, connection, statement{sql: "rollback"}) }()
	const tell = `select pg_catalog.set_config('weir.tenant', $1, true),
pg_catalog.set_config('weir.principal', $2, true), pg_catalog.set_config('weir.attributes', $3, true)`
	told := [][]byte{[]byte(asked.caller.Tenant), []byte(asked.caller.Principal), attributes}
	if _, err := run(ctx, connection, statement{sql: tell, params: told}); err != nil {
		return nil, err
	}
	return run(ctx, connection, asked)
}

// run leaves values as the server writes them: no parameter and no column has a type of Go's.
func run(ctx context.Context, connection *pgx.Conn, asked statement) (rows, error) {
	var result *pgconn.Result = connection.PgConn().ExecParams(ctx, asked.sql, asked.params, nil, nil, nil).Read()
	return result.Rows, result.Err
}

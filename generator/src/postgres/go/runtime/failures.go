package postgres

import (
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/weir/weir-go/provider"
	"google.golang.org/grpc/codes"
)

// failure is what callers may learn of a failure, and who runs the provider.
type failure struct {
	code codes.Code
	// text is for callers: the database's own words hold names and values.
	text string
	// mend is for the log: what to do.
	mend       string
	retryDelay time.Duration
}

var (
	changed = failure{
		code: codes.FailedPrecondition,
		text: "the table is not as the provider knows it: the provider must be generated again",
		mend: "the schema of the database has changed: generate the provider again",
	}
	forbidden = failure{
		code: codes.FailedPrecondition,
		text: "the provider may not read this table any more",
		mend: "grant select on the table to the user of the provider",
	}
	slow = failure{
		code:       codes.DeadlineExceeded,
		text:       "the database took too long",
		mend:       "a statement took longer than StatementTimeout: an index may be missing, or the time be too short",
		retryDelay: 5 * time.Second,
	}
	locked = failure{
		code:       codes.Unavailable,
		text:       "the table is locked",
		mend:       "a lock was not free within LockTimeout: a migration may be under way",
		retryDelay: 5 * time.Second,
	}
	away = failure{
		code:       codes.Unavailable,
		text:       "the database cannot be reached",
		mend:       "the database cannot be reached: look whether it runs, and whether the URL is right",
		retryDelay: 5 * time.Second,
	}
	refused = failure{
		code:       codes.Unavailable,
		text:       "the database does not let the provider in",
		mend:       "the database refuses the user or the password: look at DATABASE_URL",
		retryDelay: 30 * time.Second,
	}
	unread = failure{
		code: codes.Internal,
		text: "the database could not be read",
		mend: "the database could not be read",
	}
)

// failures are known by SQLSTATE, or its class of two characters.
var failures = map[string]*failure{
	"42703": &changed,
	"42P01": &changed,
	"42704": &changed,
	"42883": &changed,
	"42804": &changed,
	"3F000": &changed,
	"42501": &forbidden,
	"57014": &slow,
	"55P03": &locked,
	"25P03": &slow,
	"28":    &refused,
	"3D":    &refused,
	"08":    &away,
	"53":    &away,
	"57":    &away,
}

// toError puts a failure into words that callers may read; the log learns the whole of it.
func toError(err error, onFault func(text string, err error)) error {
	known := failureOf(err)
	onFault(known.mend, err)
	return &provider.Error{Code: known.code, Text: known.text, RetryDelay: known.retryDelay, Cause: err}
}

func failureOf(err error) *failure {
	state := stateOf(err)
	switch {
	case errors.Is(err, errNotReadOnly):
		return &unread
	case state == "":
		// What has no state did not come from the server.
		return &away
	case failures[state] != nil:
		return failures[state]
	case failures[state[:2]] != nil:
		return failures[state[:2]]
	default:
		return &unread
	}
}

// isDataFailure says whether a failure may come of a text that is no value of the type that it was cast to.
func isDataFailure(err error) bool {
	return strings.HasPrefix(stateOf(err), "22")
}

// stateOf is the SQLSTATE of an error; empty when it has none.
func stateOf(err error) string {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) && len(refusal.Code) == 5 {
		return refusal.Code
	}
	return ""
}

package provider

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
)

// Error says why a value cannot be had. Its text is shown to callers: no secrets, no addresses. Of any other
// error callers only learn that the provider failed.
type Error struct {
	// Code is the gRPC status code. Default: codes.Unknown.
	Code codes.Code
	// Text says what went wrong, for people.
	Text string
	// RetryDelay is when to ask again. Default: asking again will not help.
	RetryDelay time.Duration
	// Cause is what caused it; it never leaves the process.
	Cause error
}

// ErrNotFound says that there is no such key, as a nil *Content does.
var ErrNotFound = &Error{Code: codes.NotFound, Text: "there is no such key"}

// Errorf returns an Error with a text.
func Errorf(code codes.Code, format string, arguments ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, arguments...)}
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Text }

// Unwrap returns what caused it.
func (e *Error) Unwrap() error { return e.Cause }

// Fault is told of an error that callers learn nothing of.
type Fault func(what string, err error)

// isTold says whether callers learn what an error says.
func isTold(err error) bool {
	var told *Error
	return errors.As(err, &told)
}

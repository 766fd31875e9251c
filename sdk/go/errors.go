package weir

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	errorsv1 "github.com/weir/weir-go/gen/weir/errors/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Reason is the stable name of why something was refused, such as "KEY_NOT_FOUND": those of
// weir.errors.v1.Reason, without their prefix. Empty: the error is not Weir's own.
type Reason string

const reasonPrefix = "REASON_"

// Violation is one fault at one place of a request or document.
type Violation struct {
	// Field is the place: a path into the request or document.
	Field string
	// Description says what is wrong there, and how to mend it.
	Description string
}

// Refusal says why there is no item for a ref.
type Refusal struct {
	// Code is the gRPC status code that the item would have as a call of its own.
	Code codes.Code
	// Reason is the stable reason.
	Reason Reason
	// Text says what is wrong and how to mend it, for people.
	Text string
	// CanRetry says whether the ref may be asked for again, after RetryDelay.
	CanRetry   bool
	RetryDelay time.Duration
	// OfferedVersions are the versions on offer, newest first; filled with VERSION_NOT_OFFERED.
	OfferedVersions []string
}

// ItemRefused is the error of Get when the item cannot be had.
type ItemRefused struct {
	// Ref is what was asked for.
	Ref Ref
	Refusal
}

func (e *ItemRefused) Error() string {
	return fmt.Sprintf("weir: %s: %s: %s", e.Ref, e.Reason, e.Text)
}

// CallError says that a whole call failed: credentials, a malformed request, overload, an unreachable
// Weir, the deadline. Items that cannot be had do not raise it; they are refused one by one.
//
// errors.Is finds context.Canceled and context.DeadlineExceeded in it.
type CallError struct {
	// Code is the gRPC status code.
	Code codes.Code
	// Reason is the stable reason; empty when the error is not Weir's own.
	Reason Reason
	// Text says what went wrong and how to mend it, for people.
	Text string
	// CanRetry says whether the call may be tried again, after RetryDelay.
	CanRetry   bool
	RetryDelay time.Duration
	// Violations are the faults of the request, place by place.
	Violations []Violation
	// RequestID leads to the call's log line in Weir. Empty when the call never got there.
	RequestID string

	cause error
}

func (e *CallError) Error() string {
	text := "weir: " + e.Code.String()
	if e.Reason != "" {
		text += " (" + string(e.Reason) + ")"
	}
	text += ": " + e.Text
	for _, violation := range e.Violations {
		text += "\n  " + violation.Field + ": " + violation.Description
	}
	return text
}

// Unwrap returns what caused it, when that was no answer of Weir's.
func (e *CallError) Unwrap() error { return e.cause }

// Is makes the errors of a context recognisable.
func (e *CallError) Is(target error) bool {
	return (target == context.Canceled && e.Code == codes.Canceled) ||
		(target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded)
}

// GRPCStatus returns code and text, for status.Code and its like.
func (e *CallError) GRPCStatus() *status.Status { return status.New(e.Code, e.Text) }

// callErrorOf turns whatever a call failed with into a CallError, reading the google.rpc details.
func callErrorOf(ctx context.Context, err error, answered ...metadata.MD) *CallError {
	var known *CallError
	if errors.As(err, &known) {
		return known
	}
	wire, isStatus := status.FromError(err)
	if !isStatus {
		wire = status.FromContextError(err)
	}
	failure := &CallError{Code: wire.Code(), Text: wire.Message(), cause: err}
	failure.RequestID = requestIDOf(answered)
	for _, detail := range wire.Details() {
		failure.read(detail)
	}
	if isLostAnswer(ctx, wire) {
		failure.Code = codes.Unavailable
		failure.Text = "the connection to Weir broke: " + failure.Text
	}
	if failure.Reason == "" {
		failure.Reason = reasonOfCode(failure.Code)
	}
	return failure
}

func (e *CallError) read(detail any) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		if detail.Domain != "weir" {
			return
		}
		e.Reason = reasonOf(detail.Reason)
		for _, name := range []string{"request_id", "requestId"} {
			if id := detail.Metadata[name]; id != "" && e.RequestID == "" {
				e.RequestID = id
			}
		}
	case *errdetails.RetryInfo:
		e.CanRetry = detail.RetryDelay != nil
		e.RetryDelay = detail.RetryDelay.AsDuration()
	case *errdetails.BadRequest:
		for _, fault := range detail.FieldViolations {
			e.Violations = append(e.Violations, Violation{fault.Field, fault.Description})
		}
	}
}

func requestIDOf(answered []metadata.MD) string {
	for _, md := range answered {
		if ids := md.Get("x-request-id"); len(ids) > 0 {
			return ids[0]
		}
	}
	return ""
}

// isLostAnswer says whether no answer came, or half of one, since the server behind a gateway is gone:
// a stream that was reset or refused, or that ended without a status. gRPC has these as cancelled, internal
// or exhausted, and they would never be tried again.
func isLostAnswer(ctx context.Context, wire *status.Status) bool {
	text := wire.Message()
	switch wire.Code() {
	case codes.Canceled, codes.Aborted, codes.ResourceExhausted:
		return ctx.Err() == nil && strings.Contains(text, "RST_STREAM")
	case codes.Internal:
		return strings.Contains(text, "REFUSED_STREAM") || strings.Contains(text, "without sending trailers")
	default:
		return false
	}
}

func reasonOf(name string) Reason {
	return Reason(strings.TrimPrefix(name, reasonPrefix))
}

func reasonOfNumber(number errorsv1.Reason) Reason {
	if number == errorsv1.Reason_REASON_UNSPECIFIED {
		return ""
	}
	if name, known := errorsv1.Reason_name[int32(number)]; known {
		return reasonOf(name)
	}
	return Reason(reasonPrefix + strconv.Itoa(int(number)))
}

const (
	reasonCancelled      Reason = "CANCELLED"
	reasonDeadline       Reason = "DEADLINE_EXCEEDED"
	reasonResponseBudget Reason = "RESPONSE_BUDGET"
	reasonOverloaded     Reason = "OVERLOADED"
	reasonBlobStore      Reason = "BLOB_STORE_UNAVAILABLE"
	reasonItemTooLarge   Reason = "ITEM_TOO_LARGE"
	reasonGarbage        Reason = "PROVIDER_GARBAGE"
	reasonSubscriberSlow Reason = "SUBSCRIBER_SLOW"
	reasonRateExceeded   Reason = "RATE_EXCEEDED"
	reasonInternal       Reason = "INTERNAL"
)

func reasonOfCode(code codes.Code) Reason {
	switch code {
	case codes.DeadlineExceeded:
		return reasonDeadline
	case codes.Canceled:
		return reasonCancelled
	default:
		return ""
	}
}

// overErr is the error of a call whose context is over.
func overErr(ctx context.Context) *CallError {
	return callErrorOf(ctx, ctx.Err())
}

func refusalOf(wire *contextv1.Refusal) *Refusal {
	return &Refusal{
		Code:            codes.Code(wire.Code),
		Reason:          reasonOfNumber(wire.Reason),
		Text:            wire.Text,
		CanRetry:        wire.RetryDelay != nil,
		RetryDelay:      wire.RetryDelay.AsDuration(),
		OfferedVersions: wire.OfferedVersions,
	}
}

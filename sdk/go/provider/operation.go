package provider

import (
	"context"
	"encoding/json"
	"time"

	"github.com/weir/weir-go"
	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"github.com/weir/weir-go/internal/payload"
	"google.golang.org/grpc/codes"
)

// Severity says how much a message matters, as syslog (RFC 5424) has it, from low to high.
type Severity int

// The severities.
const (
	SeverityDebug Severity = iota + 1
	SeverityInfo
	SeverityNotice
	SeverityWarning
	SeverityError
	SeverityCritical
	SeverityAlert
	SeverityEmergency
)

// Call is a call of an operation.
type Call struct {
	// Arguments are a JSON object. Routers hold them to the Input schema wherever they can.
	Arguments json.RawMessage
	// Caller says for whom.
	Caller Caller
	// WantsProgress says whether anybody wants to know how far the operation is.
	WantsProgress bool
	// MinSeverity is the least severity that is of interest. 0: nothing that is said of it is.
	MinSeverity Severity

	told chan<- *providerv1.CallResponse
}

// Progress tells how far the operation is, of total if that is not 0, and in words if there are any; dropped
// when nobody wants to know.
func (c *Call) Progress(progress, total float64, text string) {
	if c.WantsProgress {
		told := &providerv1.Progress{Progress: progress, Total: given(total), Text: text}
		c.tell(&providerv1.CallResponse{Message: &providerv1.CallResponse_Progress{Progress: told}})
	}
}

// Log says something of the operation, as JSON; dropped when it matters less than the caller wants to know,
// or has no JSON.
func (c *Call) Log(severity Severity, data any) {
	text, err := payload.JSON(data)
	if err != nil || c.MinSeverity == 0 || severity < c.MinSeverity {
		return
	}
	told := &providerv1.LogMessage{Severity: providerv1.Severity(severity), Data: text}
	c.tell(&providerv1.CallResponse{Message: &providerv1.CallResponse_Log{Log: told}})
}

// tell drops what nobody takes: an operation does not wait for who looks on.
func (c *Call) tell(message *providerv1.CallResponse) {
	select {
	case c.told <- message:
	default:
	}
}

// CallFunc does an operation. It returns a value that has JSON, or a *ToolContent; an *Error says why it
// cannot be done. Its context is done when the result is no longer wanted.
type CallFunc func(ctx context.Context, call *Call) (any, error)

// Typed makes a CallFunc of a function that takes its arguments parsed. Arguments that do not fit are
// refused with InvalidArgument.
func Typed[A, R any](do func(ctx context.Context, call *Call, arguments A) (R, error)) CallFunc {
	return func(ctx context.Context, call *Call) (any, error) {
		var arguments A
		if err := json.Unmarshal(call.Arguments, &arguments); err != nil {
			return nil, Errorf(codes.InvalidArgument, "the arguments do not fit: %v", err)
		}
		return do(ctx, call, arguments)
	}
}

// ToolContent is a result made of pieces, as the Model Context Protocol has CallToolResult.
type ToolContent struct {
	// Content has the pieces: {"type": "text", "text": ...}, images, links and so on.
	Content []any `json:"content"`
	// StructuredContent is the same as a value that conforms to the output schema. Default: none.
	StructuredContent any `json:"structuredContent,omitempty"`
	// IsError says whether the operation failed; the content says how.
	IsError bool `json:"isError,omitempty"`
}

// OperationKind says for whom an operation is.
type OperationKind string

// The kinds.
const (
	// Tool: for models, which call it when they find it useful.
	Tool OperationKind = "tool"
	// Prompt: for people; it makes the beginning of a conversation.
	Prompt OperationKind = "prompt"
)

// Operation is something that a provider can do besides give context.
type Operation struct {
	// Name is unique in the provider: 1 to 128 of A-Z, a-z, 0-9, "_", "-" and ".".
	Name string
	// Title is what people call it.
	Title string
	// Description says what it does, for whoever decides whether to call it.
	Description string
	// Kind says for whom it is. Default: Tool.
	Kind OperationKind
	// Input is the JSON Schema of the arguments, an object, as JSON. Default: any object.
	Input string
	// Output is the JSON Schema of what it returns, as JSON. Default: not stated.
	Output string
	// ReadOnly: it changes nothing. Default: it may.
	ReadOnly bool
	// NonDestructive: nothing that it changes is lost. Default: it may be.
	NonDestructive bool
	// Idempotent: calling it once more changes nothing more, so that routers may. Default: it may.
	Idempotent bool
	// ClosedWorld: it reaches nothing outside of the provider. Default: it may.
	ClosedWorld bool
	// Timeout is the time for one call, up to 10 min. Default: the provider's.
	Timeout time.Duration
	// TTL is how long a result stays true; only with ReadOnly. Default: 0, not cached.
	TTL time.Duration
	// Scope says among whom a cached result may be shared. Default: the tenant, or the principal that is told.
	Scope Scope
	// Sensitivity is how sensitive results are. Default: weir.Internal.
	Sensitivity weir.Sensitivity
	// Annotations is what else is told of it to who lists it, such as icons: a JSON object. Default: nothing.
	Annotations string
	// Call does it.
	Call CallFunc
}

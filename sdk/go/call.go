package weir

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	toolsv1 "github.com/weir/weir-go/gen/weir/tools/v1"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
	"google.golang.org/grpc/codes"
)

// CallOptions say how a tool is called. The time of the call is that of its context.
type CallOptions struct {
	// Group is the tool group. Default: that of the key, if it has one.
	Group string
	// Purpose is what the call is for, as of a fetch. Default: not stated.
	Purpose string
	// OnProgress is told how far the tool is, before Call returns. Default: nobody wants to know.
	OnProgress func(Progress)
}

// Progress says how far a tool is.
type Progress struct {
	// Progress grows from message to message.
	Progress float64
	// Total is what it grows to. Nil: not known.
	Total *float64
	// Text is for people.
	Text string
}

// ToolResult is what a tool came to.
type ToolResult struct {
	// Bytes is the result as it came.
	Bytes []byte
	// ContentType is its media type: "application/json" for a value, and
	// "application/vnd.weir.tool-result+json" for an object with content, structuredContent and isError, as
	// the Model Context Protocol has CallToolResult.
	ContentType string
	// IsError says whether the tool itself failed: the result says how.
	IsError bool
	// Cache says how the router came by it.
	Cache CacheStatus
	// TTL is how long it stays true. 0: not said.
	TTL time.Duration
	// AsOf is when the provider held this to be the result. Zero: not said.
	AsOf time.Time
	// Sensitivity is how sensitive it is; Internal when nobody says.
	Sensitivity Sensitivity
	// Redacted says whether a policy had something of it masked, removed or cut.
	Redacted bool
}

// toolResultType is the media type of results made of pieces.
const toolResultType = "application/vnd.weir.tool-result+json"

// JSON parses the value of the result into what the argument points to: of a result made of pieces its
// structuredContent, if it has one.
func (r *ToolResult) JSON(into any) error {
	if r.ContentType == toolResultType {
		var pieces struct {
			StructuredContent json.RawMessage `json:"structuredContent"`
		}
		if err := json.Unmarshal(r.Bytes, &pieces); err != nil {
			return err
		}
		if pieces.StructuredContent != nil {
			return json.Unmarshal(pieces.StructuredContent, into)
		}
	}
	return json.Unmarshal(r.Bytes, into)
}

// Call calls a tool, "<provider>__<operation>", with arguments that become a JSON object; nil: none. It is
// never tried again by itself. A tool that failed has a result with IsError. It fails with a *CallError when
// the call is refused, and with another error when the arguments have no JSON. Nil options are the defaults.
func (c *Client) Call(ctx context.Context, tool string, arguments any, options *CallOptions) (*ToolResult, error) {
	if options == nil {
		options = &CallOptions{}
	}
	request := &toolsv1.CallToolRequest{
		Tool: tool, Group: options.Group, Purpose: options.Purpose, WantsProgress: options.OnProgress != nil,
	}
	if arguments != nil {
		data, err := payload.JSON(arguments)
		if err != nil {
			return nil, err
		}
		request.Arguments = data
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	stream, err := c.tools.CallTool(ctx, request)
	if err != nil {
		return nil, err
	}
	return readCall(stream, options)
}

func readCall(stream toolsv1.ToolService_CallToolClient, options *CallOptions) (*ToolResult, error) {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, &CallError{Code: codes.Unavailable, Text: "the call ended without a result"}
		}
		if err != nil {
			return nil, err
		}
		switch message := message.Message.(type) {
		case *toolsv1.CallToolResponse_Progress:
			if options.OnProgress != nil {
				options.OnProgress(progressOf(message.Progress))
			}
		case *toolsv1.CallToolResponse_Result:
			return resultOf(message.Result), nil
		case *toolsv1.CallToolResponse_InputRequired:
			text := "the tool asks something, and this SDK cannot answer: call it through the stubs of gen/weir/tools/v1"
			return nil, &CallError{Code: codes.FailedPrecondition, Text: text}
		}
	}
}

func progressOf(from *providerv1.Progress) Progress {
	return Progress{Progress: from.Progress, Total: from.Total, Text: from.Text}
}

func resultOf(from *toolsv1.ToolResult) *ToolResult {
	result := &ToolResult{
		Bytes: from.Payload, ContentType: from.ContentType, IsError: from.IsError,
		Cache: cacheOf(from.Cache), TTL: from.Ttl.AsDuration(), AsOf: wire.TimeOf(from.AsOf),
		Sensitivity: sensitivityOf(from.Sensitivity), Redacted: from.Redacted,
	}
	if result.ContentType == "" {
		result.ContentType = payload.JSONType
	}
	return result
}

package weirtest

import (
	"context"
	"errors"
	"io"

	"github.com/weir/weir-go"
	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
)

// Result is what an operation came to.
type Result struct {
	weir.ToolResult
	// Progress is what it told before.
	Progress []weir.Progress
}

// Call calls an operation with arguments that become JSON; nil: none. An operation that failed by itself has
// a result with IsError. It fails with a *weir.CallError when the operation could not be called.
func (p *Provider) Call(ctx context.Context, operation string, arguments any) (*Result, error) {
	request := &providerv1.CallRequest{
		Operation: operation, WantsProgress: true, Caller: &providerv1.Caller{Tenant: "test"},
	}
	if arguments != nil {
		data, err := payload.JSON(arguments)
		if err != nil {
			return nil, err
		}
		request.Arguments = data
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := p.Client.Call(ctx, request)
	if err != nil {
		return nil, err
	}
	return readResult(stream)
}

func readResult(stream providerv1.ProviderService_CallClient) (*Result, error) {
	result := &Result{}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the provider gave no result")
		}
		if err != nil {
			return nil, err
		}
		switch message := message.Message.(type) {
		case *providerv1.CallResponse_Progress:
			told := message.Progress
			result.Progress = append(result.Progress, weir.Progress{Progress: told.Progress, Total: told.Total, Text: told.Text})
		case *providerv1.CallResponse_Result:
			content := message.Result.GetContent()
			result.Bytes, result.ContentType = content.GetPayload(), content.GetContentType()
			result.IsError = message.Result.IsError
			result.Sensitivity = weir.Sensitivity(wire.SensitivityName(content.GetSensitivity()))
			return result, nil
		case *providerv1.CallResponse_Failure:
			refusal := refusalOf(message.Failure)
			return nil, &weir.CallError{
				Code: refusal.Code, Reason: refusal.Reason, Text: refusal.Text,
				CanRetry: refusal.CanRetry, RetryDelay: refusal.RetryDelay,
			}
		}
	}
}

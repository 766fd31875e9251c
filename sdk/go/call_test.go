package weir

import (
	"errors"
	"fmt"
	"testing"

	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	toolsv1 "github.com/weir/weir-go/gen/weir/tools/v1"
	"google.golang.org/grpc/codes"
)

func TestAToolTellsItsProgressAndResult(t *testing.T) {
	var arguments string
	fake := &fakeWeir{call: func(request *toolsv1.CallToolRequest, stream toolsv1.ToolService_CallToolServer) error {
		arguments = string(request.Arguments)
		for at := 1; at <= 2 && request.WantsProgress; at++ {
			told := &providerv1.Progress{Progress: float64(at)}
			_ = stream.Send(&toolsv1.CallToolResponse{Message: &toolsv1.CallToolResponse_Progress{Progress: told}})
		}
		result := &toolsv1.ToolResult{
			Payload:     []byte(`{"content":[],"structuredContent":{"sum":3},"isError":true}`),
			ContentType: toolResultType, IsError: true,
		}
		return stream.Send(&toolsv1.CallToolResponse{Message: &toolsv1.CallToolResponse_Result{Result: result}})
	}}
	client := openFake(t, fake)
	var progress []float64
	options := &CallOptions{OnProgress: func(told Progress) { progress = append(progress, told.Progress) }}
	result, err := client.Call(background(t), "p__add", map[string]int{"a": 1}, options)
	if err != nil {
		t.Fatal(err)
	}
	var value struct{ Sum int }
	if err := result.JSON(&value); err != nil || value.Sum != 3 || !result.IsError {
		t.Error(err, value, result)
	}
	if arguments != `{"a":1}` || fmt.Sprint(progress) != "[1 2]" {
		t.Error(arguments, progress)
	}
}

func TestAToolCallIsNeverMadeTwice(t *testing.T) {
	fake := &fakeWeir{call: func(*toolsv1.CallToolRequest, toolsv1.ToolService_CallToolServer) error { return errAway }}
	_, err := openFake(t, fake).Call(background(t), "p__add", nil, nil)
	var failure *CallError
	if !errors.As(err, &failure) || failure.Code != codes.Unavailable || fake.counted() != 1 {
		t.Error(err, fake.counted())
	}
}

func TestAQuestionThatCannotBeAnsweredIsAnError(t *testing.T) {
	fake := &fakeWeir{call: func(_ *toolsv1.CallToolRequest, stream toolsv1.ToolService_CallToolServer) error {
		asked := &toolsv1.CallToolResponse_InputRequired{InputRequired: &providerv1.InputRequired{}}
		return stream.Send(&toolsv1.CallToolResponse{Message: asked})
	}}
	_, err := openFake(t, fake).Call(background(t), "p__add", nil, nil)
	var failure *CallError
	if !errors.As(err, &failure) || failure.Code != codes.FailedPrecondition {
		t.Error(err)
	}
}

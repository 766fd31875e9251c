package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	pageSizeDefault = 50
	pageSizeMax     = 500
	// toldMax is what may wait to be told of a call before its end; what is beyond is dropped.
	toldMax = 1_000
	// toolResultType is the media type of results made of pieces.
	toolResultType = "application/vnd.weir.tool-result+json"
	// promptType is the media type of what prompts return: description and messages.
	promptType = "application/vnd.weir.prompt+json"
)

// service is what routers call of a provider, as it is at the moment.
type service struct {
	providerv1.UnimplementedProviderServiceServer
	current func() *Provider
	fault   Fault
}

// NewService returns what routers call of a provider, for a gRPC server of your own: Serve has one. It fails
// when the declaration has faults. Fault is told of the errors that callers learn nothing of.
func NewService(provider *Provider, fault Fault) (providerv1.ProviderServiceServer, error) {
	if err := provider.Validate(); err != nil {
		return nil, err
	}
	return &service{current: func() *Provider { return provider }, fault: fault}, nil
}

func (s *service) Describe(context.Context, *providerv1.DescribeRequest) (*providerv1.DescribeResponse, error) {
	provider := s.current()
	described := &providerv1.DescribeResponse{Name: provider.Name, Version: provider.Version}
	for _, context := range provider.Contexts {
		described.Types = append(described.Types, &providerv1.OfferedType{
			Type: context.Type, Version: context.Version, Listable: context.List != nil,
		})
	}
	return described, nil
}

func (s *service) List(ctx context.Context, request *providerv1.ListRequest) (*providerv1.ListResponse, error) {
	offered := s.current().offered(request.Type, request.TypeVersion)
	if offered == nil || offered.List == nil {
		return nil, status.Errorf(codes.Unimplemented, "this provider does not list %s", request.Type)
	}
	query := ListQuery{
		KeyPrefix: request.KeyPrefix, Text: request.Query, PageSize: pageSizeOf(request.PageSize),
		PageToken: request.PageToken, Caller: callerOf(request.Caller),
	}
	page, err := guarded(func() (ListPage, error) { return offered.List(ctx, query) })
	if err == nil && len(page.Entries) > query.PageSize {
		err = fmt.Errorf("List returned %d entries for a page of %d: return at most PageSize",
			len(page.Entries), query.PageSize)
	}
	answer := &providerv1.ListResponse{NextPageToken: page.NextPageToken}
	for at := 0; err == nil && at < len(page.Entries); at++ {
		var entry *providerv1.ListEntry
		entry, err = page.Entries[at].toWire()
		answer.Entries = append(answer.Entries, entry)
	}
	if err != nil {
		if ctx.Err() == nil && !isTold(err) {
			s.fault("list of "+request.Type, err)
		}
		return nil, statusOf(err)
	}
	return answer, nil
}

func pageSizeOf(asked int32) int {
	switch {
	case asked <= 0:
		return pageSizeDefault
	case asked > pageSizeMax:
		return pageSizeMax
	default:
		return int(asked)
	}
}

func (e *ListEntry) toWire() (*providerv1.ListEntry, error) {
	sensitivity, known := wire.SensitivityOf(string(e.Sensitivity))
	if !known {
		return nil, fmt.Errorf("List returned a sensitivity that is none: %q", e.Sensitivity)
	}
	return &providerv1.ListEntry{
		Key: e.Key, Title: e.Title, Summary: e.Summary, Score: e.Score, UpdateTime: wire.Time(e.UpdateTime),
		Sensitivity: sensitivity, Labels: e.Labels, Owner: e.Owner, ContentType: e.ContentType, SizeBytes: e.SizeBytes,
	}, nil
}

// statusOf is the error of a call; of what is no *Error nothing is told.
func statusOf(err error) error {
	failure := failureOf(err)
	refused := status.New(codes.Code(failure.Code), failure.Text)
	if failure.RetryDelay != nil {
		delay := durationpb.New(failure.RetryDelay.AsDuration())
		if detailed, err := refused.WithDetails(&errdetails.RetryInfo{RetryDelay: delay}); err == nil {
			refused = detailed
		}
	}
	return refused.Err()
}

func (s *service) Call(request *providerv1.CallRequest, stream providerv1.ProviderService_CallServer) error {
	operation := s.current().operation(request.Operation)
	if operation == nil {
		return stream.Send(failedCall(Errorf(codes.NotFound, "this provider has no operation %s", request.Operation)))
	}
	told := make(chan *providerv1.CallResponse, toldMax)
	call, err := callOf(request, told)
	if err != nil {
		return stream.Send(failedCall(err))
	}
	ended := make(chan *providerv1.CallResponse, 1)
	go func() { ended <- s.endOf(stream.Context(), operation, call) }()
	for {
		select {
		case message := <-told:
			if err := stream.Send(message); err != nil {
				return err
			}
		case last := <-ended:
			return sendLast(stream, told, last)
		case <-stream.Context().Done():
			return overStatus(stream.Context())
		}
	}
}

// sendLast sends what was told before the end, and the end.
func sendLast(
	stream providerv1.ProviderService_CallServer, told <-chan *providerv1.CallResponse, last *providerv1.CallResponse,
) error {
	for {
		select {
		case message := <-told:
			if err := stream.Send(message); err != nil {
				return err
			}
		default:
			return stream.Send(last)
		}
	}
}

// endOf does the operation and returns what it comes to.
func (s *service) endOf(ctx context.Context, operation *Operation, call *Call) *providerv1.CallResponse {
	answer, err := guarded(func() (any, error) { return operation.Call(ctx, call) })
	if err == nil {
		var result *providerv1.OperationResult
		if result, err = operation.resultOf(answer); err == nil {
			return &providerv1.CallResponse{Message: &providerv1.CallResponse_Result{Result: result}}
		}
	}
	if ctx.Err() == nil && !isTold(err) {
		s.fault("operation "+operation.Name, err)
	}
	return failedCall(err)
}

func callOf(request *providerv1.CallRequest, told chan<- *providerv1.CallResponse) (*Call, error) {
	arguments := json.RawMessage("{}")
	if len(request.Arguments) > 0 {
		arguments = request.Arguments
	}
	if !json.Valid(arguments) {
		return nil, Errorf(codes.InvalidArgument, "the arguments are not JSON")
	}
	return &Call{
		Arguments: arguments, Caller: callerOf(request.Caller), WantsProgress: request.WantsProgress,
		MinSeverity: Severity(request.MinSeverity), told: told,
	}, nil
}

func (o *Operation) resultOf(answer any) (*providerv1.OperationResult, error) {
	contentType, isError := payload.JSONType, false
	if o.Kind == Prompt {
		contentType = promptType
	}
	if pieces, is := answer.(*ToolContent); is && pieces != nil {
		contentType, isError = toolResultType, pieces.IsError
		if pieces.Content == nil {
			return nil, errors.New("a *ToolContent needs Content")
		}
	}
	data, err := payload.JSON(answer)
	if err != nil {
		return nil, err
	}
	sensitivity, _ := wire.SensitivityOf(string(o.Sensitivity))
	content := &providerv1.Content{Payload: data, ContentType: contentType, Sensitivity: sensitivity}
	return &providerv1.OperationResult{Content: content, IsError: isError}, nil
}

func failedCall(err error) *providerv1.CallResponse {
	return &providerv1.CallResponse{Message: &providerv1.CallResponse_Failure{Failure: failureOf(err)}}
}

func (p *Provider) operation(name string) *Operation {
	for at := range p.Operations {
		if p.Operations[at].Name == name {
			return &p.Operations[at]
		}
	}
	return nil
}

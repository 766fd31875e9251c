package weir

import (
	"errors"
	"fmt"
	"sort"
	"testing"

	errorsv1 "github.com/weir/weir-go/gen/weir/errors/v1"
	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func collect(t *testing.T, stream *Iterator[Outcome]) ([]string, error) {
	t.Helper()
	defer stream.Close()
	var got []string
	for stream.Next() {
		outcome := stream.Value()
		text := fmt.Sprint(outcome.Index)
		if outcome.Refusal != nil {
			text += " " + string(outcome.Refusal.Reason)
		}
		got = append(got, text)
	}
	sort.Strings(got)
	return got, stream.Err()
}

func TestAStreamGoesOnWithWhatIsOpen(t *testing.T) {
	var asked []int
	fake := &fakeWeir{}
	fake.stream = func(request *routerv1.StreamContextRequest, stream routerv1.RouterService_StreamContextServer) error {
		asked = append(asked, len(request.Fetch.Refs))
		for index := range request.Fetch.Refs {
			if fake.counted() == 1 && index == 2 {
				return errAway
			}
			if err := stream.Send(&routerv1.StreamContextResponse{Result: itemResult(index, `1`)}); err != nil {
				return err
			}
		}
		return nil
	}
	got, err := collect(t, openFake(t, fake).Stream(background(t), refsLike(5), nil))
	if err != nil || fmt.Sprint(got) != "[0 1 2 3 4]" || fmt.Sprint(asked) != "[5 3]" {
		t.Error(err, got, asked)
	}
}

func TestAStreamAsksAgainForWhatHadNoRoom(t *testing.T) {
	fake := &fakeWeir{stream: func(request *routerv1.StreamContextRequest, stream routerv1.RouterService_StreamContextServer) error {
		for index, ref := range request.Fetch.Refs {
			result := itemResult(index, `1`)
			if index >= 2 || ref.Key == "never" {
				result = refusalResult(index, codes.ResourceExhausted, errorsv1.Reason_REASON_RESPONSE_BUDGET)
			}
			if err := stream.Send(&routerv1.StreamContextResponse{Result: result}); err != nil {
				return err
			}
		}
		return nil
	}}
	refs := refsLike(5)
	refs[4].Key = "never"
	got, err := collect(t, openFake(t, fake).Stream(background(t), refs, nil))
	if err != nil || fmt.Sprint(got) != "[0 1 2 3 4 RESPONSE_BUDGET]" {
		t.Error(err, got)
	}
}

func TestAStreamFailsWithWhatWillNotPass(t *testing.T) {
	fake := &fakeWeir{stream: func(*routerv1.StreamContextRequest, routerv1.RouterService_StreamContextServer) error {
		return status.Error(codes.PermissionDenied, "no")
	}}
	_, err := collect(t, openFake(t, fake).Stream(background(t), refsLike(300), nil))
	var failure *CallError
	if !errors.As(err, &failure) || failure.Code != codes.PermissionDenied {
		t.Error(err)
	}
}

func TestWhoLeavesAStreamEndsIt(t *testing.T) {
	ended := make(chan struct{})
	fake := &fakeWeir{stream: func(_ *routerv1.StreamContextRequest, stream routerv1.RouterService_StreamContextServer) error {
		defer close(ended)
		err := stream.Send(&routerv1.StreamContextResponse{Result: itemResult(0, `1`)})
		<-stream.Context().Done()
		return err
	}}
	stream := openFake(t, fake).Stream(background(t), refsLike(2), nil)
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	stream.Close()
	<-ended
	if stream.Next() || stream.Err() != nil {
		t.Error("it goes on", stream.Err())
	}
}

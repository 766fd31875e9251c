package weir

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	routerv1 "github.com/weir/weir-go/gen/weir/router/v1"
	"google.golang.org/grpc/codes"
)

const linked = `{"title":"a large one"}`

// openLinks serves values at paths, and a Weir whose items lie there by their keys.
func openLinks(t *testing.T) (*Client, <-chan http.Header) {
	t.Helper()
	seen := make(chan http.Header, 100)
	store := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		seen <- request.Header
		switch request.URL.Path {
		case "/good":
			_, _ = io.WriteString(response, linked)
		case "/long":
			_, _ = io.WriteString(response, linked+linked)
		case "/short":
			_, _ = io.WriteString(response, linked[:5])
		case "/other":
			_, _ = io.WriteString(response, "x"+linked[1:])
		case "/moved":
			http.Redirect(response, request, "/good", http.StatusFound)
		default:
			http.NotFound(response, request)
		}
	}))
	t.Cleanup(store.Close)
	sum := sha256.Sum256([]byte(linked))
	linkTo := func(index int, ref *contextv1.ContextRef) *contextv1.ItemResult {
		url := store.URL + "/" + ref.Key
		if ref.Key == "nowhere" {
			url = "file:///etc/hosts"
		}
		return &contextv1.ItemResult{Index: uint32(index), Outcome: &contextv1.ItemResult_Item{Item: &contextv1.Item{
			Body: &contextv1.Item_Url{Url: url}, Sha256: sum[:], SizeBytes: uint64(len(linked)),
		}}}
	}
	fake := &fakeWeir{
		fetch: func(_ context.Context, request *routerv1.FetchContextRequest) (*routerv1.FetchContextResponse, error) {
			answer := &routerv1.FetchContextResponse{}
			for index, ref := range request.Refs {
				answer.Results = append(answer.Results, linkTo(index, ref))
			}
			return answer, nil
		},
		stream: func(request *routerv1.StreamContextRequest, stream routerv1.RouterService_StreamContextServer) error {
			for index, ref := range request.Fetch.Refs {
				if err := stream.Send(&routerv1.StreamContextResponse{Result: linkTo(index, ref)}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	return openFake(t, fake), seen
}

func linkRefs(keys ...string) []Ref {
	refs := make([]Ref, len(keys))
	for at, key := range keys {
		refs[at] = Ref{Type: "Probe", Key: key}
	}
	return refs
}

func TestLinksAreFollowedAndChecked(t *testing.T) {
	client, seen := openLinks(t)
	keys := []string{"good", "long", "short", "other", "moved", "gone", "nowhere"}
	outcomes, err := client.Fetch(background(t), linkRefs(keys...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcomes[0].Item.String() != linked {
		t.Error(outcomes[0])
	}
	if header := <-seen; header.Get("authorization") != "" || header.Get("accept-encoding") != "" {
		t.Error("a link is asked with", header)
	}
	for at, want := range []codes.Code{
		codes.OK, codes.DataLoss, codes.Unavailable, codes.DataLoss, codes.Unavailable, codes.Unavailable, codes.Unavailable,
	} {
		if at > 0 && (outcomes[at].Refusal == nil || outcomes[at].Refusal.Code != want) {
			t.Errorf("%s: %+v", keys[at], outcomes[at].Err())
		}
	}
}

func TestAValueThatIsTooLargeIsRefused(t *testing.T) {
	client, _ := openLinks(t)
	_, err := client.Get(background(t), "Probe", "good", &FetchOptions{MaxValueBytes: 5})
	var refused *ItemRefused
	if !errors.As(err, &refused) || refused.Reason != "ITEM_TOO_LARGE" {
		t.Error(err)
	}
}

func TestALinkThatIsKeptIsReadByReadValue(t *testing.T) {
	client, _ := openLinks(t)
	for key, want := range map[string]codes.Code{"good": codes.OK, "other": codes.DataLoss} {
		item, err := client.Get(background(t), "Probe", key, &FetchOptions{KeepLinks: true})
		if err != nil || item.Link == nil || len(item.Bytes) != 0 {
			t.Fatal(item, err)
		}
		reader, err := client.ReadValue(background(t), item)
		if err != nil {
			t.Fatal(err)
		}
		value, err := io.ReadAll(reader)
		_ = reader.Close()
		var failure *CallError
		if want == codes.OK && (err != nil || string(value) != linked) {
			t.Error(string(value), err)
		}
		if want != codes.OK && (!errors.As(err, &failure) || failure.Code != want) {
			t.Error(err)
		}
	}
}

func TestAStreamFollowsLinks(t *testing.T) {
	client, _ := openLinks(t)
	got, err := collect(t, client.Stream(background(t), linkRefs("good", "other", "good", "good", "good", "good"), nil))
	if err != nil || len(got) != 6 || got[1] != "1 BLOB_STORE_UNAVAILABLE" {
		t.Error(got, err)
	}
}

func TestALinkCannotLeaveTheAddress(t *testing.T) {
	for link, want := range map[string]string{
		"/blobs/x": "http://weir:1/blobs/x", "//elsewhere/x": "http://weir:1//elsewhere/x", "https://s3/x": "https://s3/x",
	} {
		if got, err := absolute(link, "http://weir:1"); err != nil || got != want {
			t.Error(got, err)
		}
	}
}

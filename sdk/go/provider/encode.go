package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"github.com/weir/weir-go/internal/payload"
	"github.com/weir/weir-go/internal/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

const (
	// messageMaxBytes is the largest message that a provider sends: what gRPC clients accept by default.
	messageMaxBytes = 4 << 20
	// envelopeBytes is what a result and its message need beside the content: tags, lengths, the index.
	envelopeBytes = 64
	// partBytes is the largest part that is sent of a value; a router takes up to 1 MiB.
	partBytes     = 256 << 10
	textMaxRunes  = 1_000
	retryDelayMax = 24 * time.Hour
	etagChars     = 22
	// internalText is what callers learn of an error that is the author's own affair.
	internalText = "the provider failed"
)

// encoded is an outcome of a query, and the bytes that it takes in a message.
type encoded struct {
	result *providerv1.FetchResult
	bytes  int
	// parts returns what is still to be sent of the value, part by part, and io.EOF at the end. Nil: nothing.
	parts func() ([]byte, error)
	// source is read by parts, and closed when nothing more is read. Nil: nothing is to be closed.
	source io.Reader
}

// close closes what its parts are read from.
func (e *encoded) close() {
	if closer, is := e.source.(io.Closer); is {
		_ = closer.Close()
	}
}

// encodeContent encodes what an author's function returned.
func encodeContent(content *Content, knownEtag string) (*encoded, error) {
	if content == nil {
		return &encoded{bytes: envelopeBytes, result: &providerv1.FetchResult{
			Outcome: &providerv1.FetchResult_NotFound{NotFound: &providerv1.NotFound{}},
		}}, nil
	}
	if content.NotModified {
		return encodeNotModified(content, knownEtag)
	}
	reader, isReader := content.Value.(io.Reader)
	if isReader {
		return encodeReader(content, reader, knownEtag)
	}
	data, contentType, err := payload.Encode(content.Value)
	if err != nil {
		return nil, err
	}
	etag := content.Etag
	if etag == "" {
		etag = etagOf(data)
	}
	if etag == knownEtag {
		return encodeNotModified(content, knownEtag)
	}
	message, bytes, err := content.toWire(contentType, etag)
	if err != nil {
		return nil, err
	}
	if bytes+len(data) > messageMaxBytes {
		message.TotalBytes = uint64(len(data))
		return &encoded{result: contentResult(message), bytes: bytes, parts: cut(data)}, nil
	}
	message.Payload = data
	return &encoded{result: contentResult(message), bytes: bytes + len(data)}, nil
}

func encodeReader(content *Content, reader io.Reader, knownEtag string) (*encoded, error) {
	result := &encoded{parts: readParts(reader, content.SizeBytes), source: reader}
	if content.Etag != "" && content.Etag == knownEtag {
		result.close()
		return encodeNotModified(content, knownEtag)
	}
	message, bytes, err := content.toWire(payload.BytesType, content.Etag)
	if err != nil {
		result.close()
		return nil, err
	}
	message.TotalBytes = content.SizeBytes
	result.result, result.bytes = contentResult(message), bytes
	return result, nil
}

// toWire returns the message without its payload, and the bytes that it takes.
func (c *Content) toWire(contentType, etag string) (*providerv1.Content, int, error) {
	sensitivity, known := wire.SensitivityOf(string(c.Sensitivity))
	switch {
	case !known:
		return nil, 0, fmt.Errorf("sensitivity %q is not known", c.Sensitivity)
	case c.Quality != nil && !isQuality(*c.Quality):
		return nil, 0, fmt.Errorf("quality %v is not from 0 to 1", *c.Quality)
	case c.ContentType != "":
		contentType = c.ContentType
	}
	message := &providerv1.Content{
		ContentType: contentType,
		Etag:        etag,
		AsOf:        wire.Time(c.AsOf),
		Ttl:         wire.Duration(c.TTL),
		Sensitivity: sensitivity,
		Quality:     c.Quality,
		Source:      c.Source,
		Labels:      c.Labels,
		Owner:       c.Owner,
	}
	// Encoding it finds faulty fields here, where they fail this query alone.
	data, err := proto.Marshal(message)
	if err != nil {
		return nil, 0, err
	}
	bytes := len(data) + envelopeBytes
	if bytes+partBytes > messageMaxBytes {
		return nil, 0, Errorf(codes.ResourceExhausted,
			"what stands beside the value takes %d bytes, which no message holds", bytes)
	}
	return message, bytes, nil
}

func encodeNotModified(content *Content, knownEtag string) (*encoded, error) {
	if knownEtag == "" {
		return nil, errors.New("NotModified answers only a query with a KnownEtag")
	}
	unchanged := &providerv1.NotModified{Ttl: wire.Duration(content.TTL)}
	return &encoded{bytes: envelopeBytes, result: &providerv1.FetchResult{
		Outcome: &providerv1.FetchResult_NotModified{NotModified: unchanged},
	}}, nil
}

func contentResult(content *providerv1.Content) *providerv1.FetchResult {
	return &providerv1.FetchResult{Outcome: &providerv1.FetchResult_Content{Content: content}}
}

func encodePart(data []byte) *encoded {
	part := &providerv1.ContentPart{Data: data}
	return &encoded{bytes: len(data) + envelopeBytes, result: &providerv1.FetchResult{
		Outcome: &providerv1.FetchResult_Part{Part: part},
	}}
}

// encodeError encodes an error. That something is not found is an outcome of its own.
func encodeError(err error) *encoded {
	var told *Error
	if errors.As(err, &told) && told.Code == codes.NotFound {
		none, _ := encodeContent(nil, "")
		return none
	}
	failure := failureOf(err)
	return &encoded{bytes: proto.Size(failure) + envelopeBytes, result: &providerv1.FetchResult{
		Outcome: &providerv1.FetchResult_Failure{Failure: failure},
	}}
}

// failureOf says of an error what callers may know. What is no *Error stays in this process.
func failureOf(err error) *providerv1.Failure {
	var told *Error
	if !errors.As(err, &told) {
		return &providerv1.Failure{Code: uint32(codes.Internal), Text: internalText}
	}
	code, delay := told.Code, told.RetryDelay
	if code == codes.OK {
		code = codes.Unknown
	}
	if delay > retryDelayMax {
		delay = retryDelayMax
	}
	return &providerv1.Failure{Code: uint32(code), Text: shortened(told.Text), RetryDelay: wire.Duration(delay)}
}

func shortened(text string) string {
	if !utf8.ValidString(text) {
		text = string([]rune(text))
	}
	if runes := []rune(text); len(runes) > textMaxRunes {
		return string(runes[:textMaxRunes])
	}
	return text
}

// etagOf returns the tag of a value that its author gave none.
func etagOf(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:])[:etagChars]
}

// cut cuts bytes into parts.
func cut(data []byte) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(data) == 0 {
			return nil, io.EOF
		}
		size := partBytes
		if len(data) < size {
			size = len(data)
		}
		part := data[:size]
		data = data[size:]
		return part, nil
	}
}

// readParts reads the parts of a reader, which must hold as many bytes as its author said.
func readParts(reader io.Reader, size uint64) func() ([]byte, error) {
	var read uint64
	return func() ([]byte, error) {
		part := make([]byte, partBytes)
		count, err := io.ReadFull(reader, part)
		read += uint64(count)
		switch {
		case read > size:
			err = fmt.Errorf("the reader holds more than SizeBytes, %d bytes", size)
		case err == nil || (errors.Is(err, io.ErrUnexpectedEOF) && read == size):
			return part[:count], nil
		case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && read < size:
			err = fmt.Errorf("the reader holds %d bytes, not %d", read, size)
		}
		return nil, err
	}
}

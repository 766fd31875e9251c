// Package payload turns values into bytes with a media type, and back.
package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// JSONType is the media type of JSON values, the default.
	JSONType = "application/json"
	// TextType is the media type of texts.
	TextType = "text/plain; charset=utf-8"
	// BytesType is the media type of bytes.
	BytesType = "application/octet-stream"
)

// Encode returns the bytes of a value and their media type: bytes and texts as they are, everything
// else as JSON.
func Encode(value any) (data []byte, contentType string, err error) {
	switch value := value.(type) {
	case []byte:
		return value, BytesType, nil
	case string:
		return []byte(value), TextType, nil
	default:
		data, err := JSON(value)
		return data, JSONType, err
	}
}

// JSON returns a value as JSON. Unlike json.Marshal it leaves <, > and & as they are.
func JSON(value any) ([]byte, error) {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("a value of type %T has no JSON: %w", value, err)
	}
	return bytes.TrimSuffix(written.Bytes(), []byte("\n")), nil
}

// Check returns an error when the bytes are not what their media type says.
func Check(contentType string, data []byte) error {
	if !isJSON(contentType) {
		return nil
	}
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	var raw json.RawMessage
	return json.Unmarshal(data, &raw)
}

// Parse reads a payload: parsed when it is JSON, a string when it is text, else the bytes themselves.
func Parse(contentType string, data []byte) (any, error) {
	switch {
	case isJSON(contentType):
		var value any
		err := json.Unmarshal(data, &value)
		return value, err
	case strings.HasPrefix(mediaType(contentType), "text/"):
		return string(data), nil
	default:
		return data, nil
	}
}

func isJSON(contentType string) bool {
	media := mediaType(contentType)
	return media == JSONType || strings.HasSuffix(media, "+json")
}

func mediaType(contentType string) string {
	if contentType == "" {
		return JSONType
	}
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

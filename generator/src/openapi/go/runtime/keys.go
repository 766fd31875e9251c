package openapi

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// keyOf is the key that stands for the values of path parameters: of one the value itself, of several their
// values, percent-encoded, with slashes between them.
func keyOf(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	encoded := make([]string, len(values))
	for at, value := range values {
		encoded[at] = encodePart(value)
	}
	return strings.Join(encoded, "/")
}

// partsOf returns the values that a key stands for; false when it has not as many parts.
func partsOf(key string, count int) (parts []string, isKey bool) {
	if count == 1 {
		return []string{key}, true
	}
	for _, encoded := range strings.Split(key, "/") {
		part, err := url.PathUnescape(encoded)
		if err != nil || !utf8.ValidString(part) {
			return nil, false
		}
		parts = append(parts, part)
	}
	return parts, len(parts) == count
}

const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"
	// reserved stays as it is in a query where that is allowed; "&", "#" and "+" would mean something else.
	reserved = ";,/?:@=$"
	hexits   = "0123456789ABCDEF"
)

// encodePart encodes a part of a path or key. One of dots alone would be taken for a way up.
func encodePart(text string) string {
	if text != "" && strings.Trim(text, ".") == "" {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return encodeAll(text)
}

// encodeAll percent-encodes everything that means something in a URL.
func encodeAll(text string) string { return encodeBut(text, unreserved) }

func encodeReserved(text string) string { return encodeBut(text, unreserved+reserved) }

func encodeBut(text, kept string) string {
	var out strings.Builder
	for at := 0; at < len(text); at++ {
		octet := text[at]
		if strings.IndexByte(kept, octet) >= 0 {
			out.WriteByte(octet)
		} else {
			out.Write([]byte{'%', hexits[octet>>4], hexits[octet&15]})
		}
	}
	return out.String()
}

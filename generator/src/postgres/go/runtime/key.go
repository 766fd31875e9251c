package postgres

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// keyMaxBytes is the greatest length of a key.
const keyMaxBytes = 1024

// formatKey writes a key as callers write it: its parts, joined by "/". Within a part "%", "/" and what keys
// may not hold stand percent-encoded. It is false when the parts are too long for a key.
func formatKey(parts []string) (key string, isKey bool) {
	encoded := make([]string, len(parts))
	for at, part := range parts {
		encoded[at] = encodePart(part)
	}
	key = strings.Join(encoded, "/")
	return key, key != "" && len(key) <= keyMaxBytes
}

// parseKey reads the parts of a key of so many columns; false when the text is no such key.
func parseKey(key string, columns int) (parts []string, isKey bool) {
	for _, text := range strings.Split(key, "/") {
		part, isPart := decodePart(text)
		if !isPart {
			return nil, false
		}
		parts = append(parts, part)
	}
	if len(parts) != columns {
		return nil, false
	}
	written, isKey := formatKey(parts)
	return parts, isKey && written == key
}

var (
	brokenEnd = regexp.MustCompile(`%[0-9A-F]?$`)
	byteEnd   = regexp.MustCompile(`%[0-9A-F]{2}$`)
)

// parsePrefix reads the parts of the beginning of a key; false when no key begins so. Of a last part that
// ends within a character it takes what is before it.
func parsePrefix(prefix string) (parts []string, isPrefix bool) {
	encoded := strings.Split(prefix, "/")
	last := len(encoded) - 1
	encoded[last] = brokenEnd.ReplaceAllString(encoded[last], "")
	for byteEnd.MatchString(encoded[last]) {
		if _, isPart := decodePart(encoded[last]); isPart {
			break
		}
		encoded[last] = encoded[last][:len(encoded[last])-3]
	}
	for _, text := range encoded {
		part, isPart := decodePart(text)
		if !isPart {
			return nil, false
		}
		parts = append(parts, part)
	}
	return parts, true
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"

func encodePart(part string) string {
	plain := escape(part, func(at int, each rune) bool { return isUnsafe(part, at, each) })
	// Keys are in Unicode form NFC: what is not would become another key.
	if !norm.NFC.IsNormalString(plain) {
		plain = escape(part, func(_ int, each rune) bool { return !strings.ContainsRune(unreserved, each) })
	}
	if plain == ".." {
		return "%2E%2E"
	}
	return plain
}

// isUnsafe says whether a character would be taken for something else, or is one that keys may not hold.
func isUnsafe(text string, at int, each rune) bool {
	isEnd := at == 0 || at+utf8.RuneLen(each) == len(text)
	return each == '%' || each == '/' ||
		unicode.In(each, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) ||
		isEnd && (unicode.IsSpace(each) || each == '\ufeff')
}

// escape percent-encodes some characters.
func escape(text string, isEscaped func(at int, each rune) bool) string {
	var out strings.Builder
	for at, each := range text {
		if !isEscaped(at, each) {
			out.WriteRune(each)
			continue
		}
		for _, octet := range []byte(string(each)) {
			out.WriteByte('%')
			out.WriteString(strings.ToUpper(strconv.FormatUint(uint64(octet)|0x100, 16)[1:]))
		}
	}
	return out.String()
}

func decodePart(text string) (part string, isPart bool) {
	part, err := url.PathUnescape(text)
	return part, err == nil && utf8.ValidString(part) && !strings.ContainsRune(part, 0)
}

// keyText is the text of a value as it stands in a key.
func keyText(codec Codec, text string) string {
	if scalar, isScalar := codec.(Scalar); isScalar {
		return scalar.keyText(text)
	}
	return text
}

func (s Scalar) keyText(text string) string {
	switch s {
	case Boolean:
		return strconv.FormatBool(text == "t")
	case Trimmed:
		return strings.TrimRight(text, " ")
	case Timestamp:
		return strings.Replace(text, " ", "T", 1)
	case TimestampTZ:
		return zulu(strings.Replace(text, " ", "T", 1), "")
	default:
		return text
	}
}

// paramOf is a text as a statement takes it for a column: as the server itself would write it.
func paramOf(codec Codec, text string) string {
	if codec == Timestamp || codec == TimestampTZ {
		return strings.Replace(text, "T", " ", 1)
	}
	return text
}

// verdict says whether a text is a value of a type.
type verdict int

const (
	isValue verdict = iota
	// isUnknown: only the database can tell.
	isUnknown
	isNone
)

var (
	integerForm = regexp.MustCompile(`^(?:0|-?[1-9]\d{0,18})$`)
	uuidForm    = regexp.MustCompile(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	decimalForm = regexp.MustCompile(`^-?\d{1,1000}(?:\.\d{1,1000})?$`)
	integerBits = map[string]int{"smallint": 16, "integer": 32, "bigint": 64}
)

// judge says whether a text is surely a value of a type. As only the text that the database itself writes is
// a key, what is written otherwise is none.
func judge(sql, text string) verdict {
	if bits := integerBits[sql]; bits > 0 {
		_, err := strconv.ParseInt(text, 10, bits)
		return valueIf(err == nil && integerForm.MatchString(text), isNone)
	}
	switch sql {
	case "uuid":
		return valueIf(uuidForm.MatchString(text), isNone)
	case "boolean":
		return valueIf(text == "true" || text == "false", isNone)
	case "numeric":
		return valueIf(decimalForm.MatchString(text), isUnknown)
	default:
		return valueIf(sql == "text" || sql == "character varying" || sql == "bpchar", isUnknown)
	}
}

func valueIf(holds bool, otherwise verdict) verdict {
	if holds {
		return isValue
	}
	return otherwise
}

// judgeAll says it of all parts of a key.
func judgeAll(table *Table, parts []string) verdict {
	worst := isValue
	for at, name := range table.Key {
		if found := judge(table.column(name).SQL, parts[at]); found > worst {
			worst = found
		}
	}
	return worst
}

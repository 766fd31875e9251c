package postgres

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// Codec says what becomes of a value of PostgreSQL in JSON. Values come from the server as text.
type Codec interface {
	write(out *bytes.Buffer, text string, depth int) error
}

// Scalar is a Codec of values that hold no others.
type Scalar int

// The scalars, each with a text of the server and the JSON of it.
const (
	// Text leaves any text as it is.
	Text Scalar = iota
	// Trimmed leaves out the blanks that character(n) is filled with: "ALFKI  " is "ALFKI".
	Trimmed
	// Boolean: t is true.
	Boolean
	// Number: 12.50 is 12.5; NaN and infinities stay texts.
	Number
	// Timestamp: 2024-01-31 18:00:00 is "2024-01-31T18:00:00".
	Timestamp
	// TimestampTZ: 2024-01-31 18:00:00+00 is "2024-01-31T18:00:00Z".
	TimestampTZ
	// Bytes: \x6869 is "aGk=", in base64.
	Bytes
	// JSON stays what it is, with all digits of its numbers.
	JSON
)

// Array is a Codec of lists: {1,2} is [1,2].
type Array struct {
	// Of is the codec of an element.
	Of Codec
	// Delimiter stands between elements. Default: a comma.
	Delimiter byte
}

// Field is a field of a Record.
type Field struct {
	// Name is the name of the field.
	Name string
	// Codec is the codec of its values.
	Codec Codec
}

// Record is a Codec of composites: (Main St,5) is {"street":"Main St","number":5}.
type Record []Field

// Range is a Codec of ranges: [1,10) is {"lower":1,"upper":10,"bounds":"[)"}. No bound is null; of an empty
// range both are, and "bounds" is "empty".
type Range struct {
	// Of is the codec of a bound.
	Of Codec
}

// Multirange is a Codec of lists of ranges: {[1,3),[5,8)}.
type Multirange struct {
	// Of is the codec of a bound.
	Of Codec
}

// depthMax is how deep arrays, records and ranges may lie within each other.
const depthMax = 64

var (
	errDepth  = errors.New("a value lies deeper than 64 levels")
	errArray  = errors.New("a value is no array")
	errRecord = errors.New("a value is no record of these fields")
	errRange  = errors.New("a value is no range")
	errBytes  = errors.New("a value is no bytea")
)

// decode writes the JSON of a value as the server writes it; nil is null. It fails when the text is not of
// the codec, as after a change of the column's type.
func decode(out *bytes.Buffer, codec Codec, text []byte) error {
	if text == nil {
		out.WriteString("null")
		return nil
	}
	return codec.write(out, string(text), 0)
}

// part is an element, field or bound; nil is null.
type part *string

func writePart(out *bytes.Buffer, codec Codec, value part, depth int) error {
	if value == nil {
		out.WriteString("null")
		return nil
	}
	if depth > depthMax {
		return errDepth
	}
	return codec.write(out, *value, depth)
}

func writeText(out *bytes.Buffer, text string) {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	// Of a string it cannot fail.
	_ = encoder.Encode(text)
	out.Truncate(out.Len() - 1)
}

func (s Scalar) write(out *bytes.Buffer, text string, _ int) error {
	switch s {
	case Boolean:
		out.WriteString(strconv.FormatBool(text == "t"))
	case Number:
		return writeNumber(out, text)
	case Bytes:
		data, err := hex.DecodeString(strings.TrimPrefix(text, `\x`))
		if err != nil {
			return errBytes
		}
		writeText(out, base64.StdEncoding.EncodeToString(data))
	case JSON:
		return json.Compact(out, []byte(text))
	case TimestampTZ:
		writeText(out, zulu(strings.Replace(text, " ", "T", 1), " BC"))
	default:
		writeText(out, s.keyText(text))
	}
	return nil
}

// zulu writes the offset +00 as Z; before Christ it stands in front of a suffix.
func zulu(text, suffix string) string {
	if strings.HasSuffix(text, "+00"+suffix) {
		return strings.TrimSuffix(text, "+00"+suffix) + "Z" + suffix
	}
	if strings.HasSuffix(text, "+00") {
		return strings.TrimSuffix(text, "+00") + "Z"
	}
	return text
}

func writeNumber(out *bytes.Buffer, text string) error {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		writeText(out, text)
		return nil
	}
	written, err := json.Marshal(number)
	out.Write(written)
	return err
}

func (a Array) write(out *bytes.Buffer, text string, depth int) error {
	delimiter := a.Delimiter
	if delimiter == 0 {
		delimiter = ','
	}
	reader := &arrayReader{out: out, of: a.Of, text: text, delimiter: delimiter, depth: depth}
	// An array may say where it begins: [0:1]={a,b}.
	if strings.HasPrefix(text, "[") {
		reader.at = strings.IndexByte(text, '=') + 1
	}
	return reader.read(0)
}

type arrayReader struct {
	out       *bytes.Buffer
	of        Codec
	text      string
	at        int
	delimiter byte
	depth     int
}

// read reads one dimension.
func (r *arrayReader) read(dimension int) error {
	if dimension > depthMax || r.now() != '{' {
		return errArray
	}
	r.at++
	r.out.WriteByte('[')
	for first := true; r.now() != '}'; first = false {
		if r.at >= len(r.text) {
			return errArray
		}
		if !first {
			r.out.WriteByte(',')
		}
		if err := r.element(dimension); err != nil {
			return err
		}
		if r.now() == r.delimiter {
			r.at++
		}
	}
	r.at++
	r.out.WriteByte(']')
	return nil
}

func (r *arrayReader) element(dimension int) error {
	if r.now() == '{' {
		return r.read(dimension + 1)
	}
	value, isQuoted, end := readPart(r.text, r.at, string(r.delimiter)+"}")
	r.at = end
	if !isQuoted && strings.EqualFold(value, "NULL") {
		return writePart(r.out, r.of, nil, r.depth+1)
	}
	return writePart(r.out, r.of, &value, r.depth+1)
}

func (r *arrayReader) now() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r Record) write(out *bytes.Buffer, text string, depth int) error {
	parts, isRecord := readParts(text)
	if !isRecord || len(parts) != len(r) {
		return errRecord
	}
	out.WriteByte('{')
	for at, field := range r {
		if at > 0 {
			out.WriteByte(',')
		}
		writeText(out, field.Name)
		out.WriteByte(':')
		if err := writePart(out, field.Codec, parts[at], depth+1); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func (r Range) write(out *bytes.Buffer, text string, depth int) error {
	if text == "empty" {
		out.WriteString(`{"lower":null,"upper":null,"bounds":"empty"}`)
		return nil
	}
	if len(text) < 3 {
		return errRange
	}
	parts, _ := readParts("(" + text[1:len(text)-1] + ")")
	if len(parts) != 2 {
		return errRange
	}
	out.WriteString(`{"lower":`)
	if err := writePart(out, r.Of, parts[0], depth+1); err != nil {
		return err
	}
	out.WriteString(`,"upper":`)
	if err := writePart(out, r.Of, parts[1], depth+1); err != nil {
		return err
	}
	out.WriteString(`,"bounds":`)
	writeText(out, text[:1]+text[len(text)-1:])
	out.WriteByte('}')
	return nil
}

func (m Multirange) write(out *bytes.Buffer, text string, depth int) error {
	out.WriteByte('[')
	for at := 1; at < len(text)-1; {
		if at > 1 {
			out.WriteByte(',')
		}
		_, _, comma := readPart(text, at+1, ",")
		_, _, end := readPart(text, comma+1, ")]")
		if end >= len(text) {
			return errRange
		}
		if err := (Range{Of: m.Of}).write(out, text[at:end+1], depth+1); err != nil {
			return err
		}
		at = end + 2
	}
	out.WriteByte(']')
	return nil
}

// readParts reads the parts of a record; what is absent is null, while "" is an empty text.
func readParts(text string) (parts []part, isRecord bool) {
	if !strings.HasPrefix(text, "(") || !strings.HasSuffix(text, ")") {
		return nil, false
	}
	for at := 1; at < len(text); {
		value, isQuoted, end := readPart(text, at, ",)")
		if value == "" && !isQuoted {
			parts = append(parts, nil)
		} else {
			parts = append(parts, &value)
		}
		at = end + 1
	}
	return parts, true
}

// readPart reads up to one of the characters in ends; quotes and backslashes take the meaning of a character.
func readPart(text string, from int, ends string) (value string, isQuoted bool, end int) {
	var read strings.Builder
	isOpen := false
	at := from
	for ; at < len(text); at++ {
		character := text[at]
		switch {
		case character == '\\':
			if at++; at < len(text) {
				read.WriteByte(text[at])
			}
		case character == '"' && isOpen && at+1 < len(text) && text[at+1] == '"':
			read.WriteByte('"')
			at++
		case character == '"':
			isOpen = !isOpen
			isQuoted = true
		case !isOpen && strings.IndexByte(ends, character) >= 0:
			return read.String(), isQuoted, at
		default:
			read.WriteByte(character)
		}
	}
	return read.String(), isQuoted, at
}

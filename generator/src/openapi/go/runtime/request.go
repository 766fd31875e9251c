// Package openapi offers what an HTTP API answers as context, and calls it for operations.
package openapi

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// Place is where something stands in a request.
type Place string

// The places.
const (
	InPath   Place = "path"
	InQuery  Place = "query"
	InHeader Place = "header"
	InCookie Place = "cookie"
)

// Style says how lists and objects are written, as OpenAPI has it.
type Style string

// The styles.
const (
	Simple         Style = "simple"
	Label          Style = "label"
	Matrix         Style = "matrix"
	Form           Style = "form"
	SpaceDelimited Style = "spaceDelimited"
	PipeDelimited  Style = "pipeDelimited"
	DeepObject     Style = "deepObject"
	// AsJSON: the value is written as JSON, whatever it is.
	AsJSON Style = "json"
)

// Explode says whether each element of a list or object stands alone.
type Explode int

// What may be said of it; nothing: with Form it is Exploded, else Joined.
const (
	Exploded Explode = iota + 1
	Joined
)

// Parameter says where an argument goes, and how it is written there.
type Parameter struct {
	// Name is its name in the request.
	Name string
	// In is where it goes.
	In Place
	// Argument holds its value. Default: its name.
	Argument string
	// Style is how it is written. Default: Form in query and cookie, else Simple.
	Style Style
	// Explode says whether each element stands alone.
	Explode Explode
	// Value is the value where the argument is absent. Default: none.
	Value any
	// AllowReserved says whether "/?:@" and the like stay as they are, in a query only.
	AllowReserved bool
}

// Request is a request of an API, without its values.
type Request struct {
	// Method is the HTTP method.
	Method string
	// Path begins at the base of the API, with parameters in braces, such as /things/{id}.
	Path string
	// BaseURL is where it is, if not at the base of the API.
	BaseURL string
	// Parameters are what it takes.
	Parameters []Parameter
	// BodyType is the media type of the body, which the argument "body" holds. Empty: it has none.
	BodyType string
	// Accept has the media types that are understood.
	Accept string
	// Security has credentials by name: one of these sets is sent. Empty: none is needed.
	Security [][]string
}

// arguments are values by the name of the argument, as JSON is read.
type arguments map[string]any

// built is what of a request depends on its arguments.
type built struct {
	// target is path and query, from the base of the API.
	target string
	header map[string]string
	body   []byte
}

// wayUp is a part of dots, between slashes of either kind. URLs take it for a way up, and servers that decode
// before they normalise do, however dots and slashes are written.
var wayUp = regexp.MustCompile(`(?i)(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\]|%2f|%5c)`)

var missingPart = regexp.MustCompile(`\{[^}]*\}`)

// build puts arguments into a request. It fails when a part of the path is missing, or a value cannot be
// written there.
func build(request *Request, values arguments) (*built, error) {
	out := &built{header: map[string]string{"Accept": request.Accept}}
	path := request.Path
	var query, cookies []string
	for at := range request.Parameters {
		parameter := &request.Parameters[at]
		value := parameter.valueOf(values)
		if value == nil {
			continue
		}
		var err error
		switch parameter.In {
		case InPath:
			var text string
			text, err = parameter.pathText(value)
			path = strings.ReplaceAll(path, "{"+parameter.Name+"}", text)
		case InQuery:
			query = append(query, parameter.pairs(value)...)
		case InCookie:
			cookies = append(cookies, parameter.pairs(value)...)
		case InHeader:
			out.header[parameter.Name], err = headerText(parameter.delimited(value, asItIs, ","))
		}
		if err != nil {
			return nil, err
		}
	}
	if missing := missingPart.FindString(path); missing != "" {
		return nil, fmt.Errorf("the argument for %s is missing", missing)
	}
	if wayUp.MatchString(path) {
		return nil, errors.New(`a part of the path cannot be "." or "..", however it is written`)
	}
	if len(cookies) > 0 {
		out.header["Cookie"] = strings.Join(cookies, "; ")
	}
	out.target = path
	if len(query) > 0 {
		out.target += "?" + strings.Join(query, "&")
	}
	return out, out.setBody(request.BodyType, values["body"])
}

func (p *Parameter) valueOf(values arguments) any {
	name := p.Argument
	if name == "" {
		name = p.Name
	}
	if value := values[name]; value != nil {
		return value
	}
	return p.Value
}

func (p *Parameter) isExploded() bool {
	if p.Explode != 0 {
		return p.Explode == Exploded
	}
	isQuery := p.In == InQuery || p.In == InCookie
	return p.Style == Form || p.Style == "" && isQuery
}

func asItIs(text string) string { return text }

func (p *Parameter) pathText(value any) (string, error) {
	if p.Style == Label {
		delimiter := ","
		if p.isExploded() {
			delimiter = "."
		}
		return "." + p.delimited(value, encodePart, delimiter), nil
	}
	if p.Style == Matrix {
		return p.matrixText(value), nil
	}
	text := p.delimited(value, encodePart, ",")
	if text == "" {
		return "", fmt.Errorf("the argument for {%s} is empty", p.Name)
	}
	return text, nil
}

func (p *Parameter) matrixText(value any) string {
	var out strings.Builder
	pair := func(name string, value any) {
		out.WriteString(";" + encodePart(name) + "=" + encodePart(plain(value)))
	}
	list, isList := value.([]any)
	object, isObject := value.(map[string]any)
	switch {
	case isList && p.isExploded():
		for _, each := range list {
			pair(p.Name, each)
		}
	case isObject && p.isExploded():
		for _, name := range sortedNames(object) {
			pair(name, object[name])
		}
	default:
		joined := Parameter{Name: p.Name, Style: p.Style, Explode: Joined}
		return ";" + p.Name + "=" + joined.delimited(value, encodePart, ",")
	}
	return out.String()
}

// delimited writes lists as a,b and objects as k,v or, exploded, k=v.
func (p *Parameter) delimited(value any, encode func(string) string, delimiter string) string {
	if p.Style == AsJSON {
		return encode(jsonText(value))
	}
	var parts []string
	switch value := value.(type) {
	case []any:
		for _, each := range value {
			parts = append(parts, encode(plain(each)))
		}
	case map[string]any:
		between := ","
		if p.isExploded() {
			between = "="
		}
		for _, name := range sortedNames(value) {
			parts = append(parts, encode(name)+between+encode(plain(value[name])))
		}
	default:
		return encode(plain(value))
	}
	return strings.Join(parts, delimiter)
}

// pairs are those of a query or of cookies.
func (p *Parameter) pairs(value any) []string {
	encode := encodeAll
	if p.AllowReserved && p.In == InQuery {
		encode = encodeReserved
	}
	pair := func(name string, value any) string { return encodeAll(name) + "=" + encode(plain(value)) }
	if p.Style == AsJSON {
		return []string{pair(p.Name, jsonText(value))}
	}
	var pairs, joined []string
	switch value := value.(type) {
	case []any:
		if p.Style == DeepObject {
			return deepPairs(p.Name, value, pair)
		}
		for _, each := range value {
			pairs = append(pairs, pair(p.Name, each))
			joined = append(joined, encode(plain(each)))
		}
	case map[string]any:
		if p.Style == DeepObject {
			return deepPairs(p.Name, value, pair)
		}
		for _, name := range sortedNames(value) {
			pairs = append(pairs, pair(name, value[name]))
			joined = append(joined, encode(name), encode(plain(value[name])))
		}
	default:
		return []string{pair(p.Name, value)}
	}
	if p.isExploded() {
		return pairs
	}
	return []string{encodeAll(p.Name) + "=" + strings.Join(joined, p.delimiter())}
}

func (p *Parameter) delimiter() string {
	switch p.Style {
	case SpaceDelimited:
		return "%20"
	case PipeDelimited:
		return "%7C"
	default:
		return ","
	}
}

func deepPairs(name string, value any, pair func(string, any) string) []string {
	var pairs []string
	switch value := value.(type) {
	case []any:
		for at, each := range value {
			pairs = append(pairs, deepPairs(fmt.Sprintf("%s[%d]", name, at), each, pair)...)
		}
	case map[string]any:
		for _, member := range sortedNames(value) {
			pairs = append(pairs, deepPairs(name+"["+member+"]", value[member], pair)...)
		}
	default:
		return []string{pair(name, value)}
	}
	return pairs
}

// sortedNames gives objects one order, since they have none in Go.
func sortedNames(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func plain(value any) string {
	if text, isText := value.(string); isText {
		return text
	}
	return jsonText(value)
}

func jsonText(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	// What was read from JSON has JSON.
	_ = encoder.Encode(value)
	return strings.TrimSuffix(out.String(), "\n")
}

func headerText(text string) (string, error) {
	for _, each := range text {
		if each < ' ' && each != '\t' || each == 0x7f {
			return "", fmt.Errorf("a header cannot hold control characters")
		}
	}
	return text, nil
}

var (
	multipartType = regexp.MustCompile(`^multipart/`)
	jsonType      = regexp.MustCompile(`[/+]json\b`)
)

func (b *built) setBody(bodyType string, value any) error {
	if bodyType == "" || value == nil {
		return nil
	}
	b.header["Content-Type"] = bodyType
	text, isText := value.(string)
	object, _ := value.(map[string]any)
	switch {
	case multipartType.MatchString(bodyType):
		return b.setMultipart(object)
	case bodyType == "application/x-www-form-urlencoded":
		var pairs []string
		for _, name := range sortedNames(object) {
			field := Parameter{Name: name, In: InQuery}
			pairs = append(pairs, field.pairs(object[name])...)
		}
		b.body = []byte(strings.Join(pairs, "&"))
	case isText && !jsonType.MatchString(bodyType):
		b.body = []byte(text)
	default:
		b.body = []byte(jsonText(value))
	}
	return nil
}

// setMultipart writes fields as texts, and objects as JSON. The boundary is long enough to stand in no value
// by chance.
func (b *built) setMultipart(fields map[string]any) error {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	boundary := "weir-" + hex.EncodeToString(random[:])
	var out strings.Builder
	for _, name := range sortedNames(fields) {
		fmt.Fprintf(&out, "--%s\r\ncontent-disposition: form-data; name=\"%s\"\r\n", boundary, encodeAll(name))
		switch fields[name].(type) {
		case []any, map[string]any:
			out.WriteString("content-type: application/json\r\n")
		}
		fmt.Fprintf(&out, "\r\n%s\r\n", plain(fields[name]))
	}
	fmt.Fprintf(&out, "--%s--\r\n", boundary)
	b.body = []byte(out.String())
	b.header["Content-Type"] = "multipart/form-data; boundary=" + boundary
	return nil
}

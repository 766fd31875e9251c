package openapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

var (
	colors = []any{"blue", "b,k"}
	object = map[string]any{"G": "a b", "R": json.Number("100")}
)

func TestParametersOfTheQuery(t *testing.T) {
	for query, given := range map[string]struct {
		parameter Parameter
		value     any
	}{
		"p=a%20b%26c":       {Parameter{}, "a b&c"},
		"p=blue&p=b%2Ck":    {Parameter{}, colors},
		"p=blue,b%2Ck":      {Parameter{Explode: Joined}, colors},
		"p=blue%20b%2Ck":    {Parameter{Style: SpaceDelimited}, colors},
		"p=blue%7Cb%2Ck":    {Parameter{Style: PipeDelimited, Explode: Joined}, colors},
		"G=a%20b&R=100":     {Parameter{}, object},
		"p=G,a%20b,R,100":   {Parameter{Explode: Joined}, object},
		"p%5Ba%5D%5Bb%5D=1": {Parameter{Style: DeepObject}, map[string]any{"a": map[string]any{"b": json.Number("1")}}},
		"p=%7B%22G%22%3A%22a%20b%22%2C%22R%22%3A100%7D": {Parameter{Style: AsJSON}, object},
		"p=a/b?c%26d": {Parameter{AllowReserved: true}, "a/b?c&d"},
		"p=x":         {Parameter{Value: "x"}, nil},
	} {
		given.parameter.Name, given.parameter.In = "p", InQuery
		request := &Request{Path: "/things", Parameters: []Parameter{given.parameter}}
		made, err := build(request, arguments{"p": given.value})
		if err != nil || made.target != "/things?"+query {
			t.Errorf("%s is %+v, %v", query, made, err)
		}
	}
}

func TestPartsOfThePath(t *testing.T) {
	for part, given := range map[string]struct {
		parameter Parameter
		value     any
	}{
		"a%2Fb%3Fc":          {Parameter{}, "a/b?c"},
		"%2E%2E%2E":          {Parameter{}, "..."},
		"blue,b%2Ck":         {Parameter{}, colors},
		"G=a%20b,R=100":      {Parameter{Explode: Exploded}, object},
		".x":                 {Parameter{Style: Label}, "x"},
		".blue.b%2Ck":        {Parameter{Style: Label, Explode: Exploded}, colors},
		";p=x":               {Parameter{Style: Matrix}, "x"},
		";p=blue,b%2Ck":      {Parameter{Style: Matrix}, colors},
		";p=blue;p=b%2Ck":    {Parameter{Style: Matrix, Explode: Exploded}, colors},
		";G=a%20b;R=100":     {Parameter{Style: Matrix, Explode: Exploded}, object},
		"%7B%22a%22%3A1%7D":  {Parameter{Style: AsJSON}, map[string]any{"a": json.Number("1")}},
		"%F0%9F%98%80%20%2B": {Parameter{}, "😀 +"},
	} {
		given.parameter.Name, given.parameter.In = "p", InPath
		request := &Request{Path: "/things/{p}/more", Parameters: []Parameter{given.parameter}}
		made, err := build(request, arguments{"p": given.value})
		if err != nil || made.target != "/things/"+part+"/more" {
			t.Errorf("%s is %+v, %v", part, made, err)
		}
	}
	for _, values := range []arguments{{}, {"p": ""}} {
		request := &Request{Path: "/things/{p}", Parameters: []Parameter{{Name: "p", In: InPath}}}
		if _, err := build(request, values); err == nil || !strings.Contains(err.Error(), "the argument for {p} is ") {
			t.Errorf("%v: %v", values, err)
		}
	}
}

func TestPartsOfThePathLeadNobodyUp(t *testing.T) {
	for _, each := range []struct {
		path  string
		style Style
		value string
	}{
		{"/things/{p}", "", ".."},
		{"/things/{p}/more", "", "."},
		{"/{p}", Label, "."},
		{"/things/.{p}", "", "."},
		{"/things/{p}", "", "../../admin"},
		{"/things/{p}", "", `..\..\admin`},
		{"/things/{p}", "", "a/../admin"},
		{"/things/{p}/more", "", "a/."},
		{"/things/{p}", "", `a\..`},
		{"/things/{p}", Label, "./admin"},
		{"/things/a%2f{p}", "", ".."},
		{"/things/%2E{p}", "", "./a"},
	} {
		request := &Request{Path: each.path, Parameters: []Parameter{{Name: "p", In: InPath, Style: each.style}}}
		made, err := build(request, arguments{"p": each.value})
		if err == nil || !strings.Contains(err.Error(), `cannot be "." or ".."`) {
			t.Errorf("%+v: %+v, %v", each, made, err)
		}
	}
	for value, part := range map[string]string{
		"a/b": "a%2Fb", `a\b`: "a%5Cb", ".a/b../..c": ".a%2Fb..%2F..c", "a/.../b": "a%2F...%2Fb",
	} {
		request := &Request{Path: "/things/{p}", Parameters: []Parameter{{Name: "p", In: InPath}}}
		if made, err := build(request, arguments{"p": value}); err != nil || made.target != "/things/"+part {
			t.Errorf("%s: %+v, %v", value, made, err)
		}
	}
}

func TestHeadersAndCookiesCannotEndThemselves(t *testing.T) {
	request := &Request{Path: "/", Parameters: []Parameter{{Name: "X-Tags", In: InHeader}, {Name: "session", In: InCookie}}}
	made, err := build(request, arguments{"X-Tags": []any{"a", "b"}, "session": "x;y"})
	if err != nil || made.header["X-Tags"] != "a,b" || made.header["Cookie"] != "session=x%3By" {
		t.Errorf("%+v, %v", made, err)
	}
	if _, err := build(request, arguments{"X-Tags": "a\r\nb: c"}); err == nil {
		t.Error("a header ends itself")
	}
}

func TestACookieKeepsNoReservedCharacters(t *testing.T) {
	for cookie, given := range map[string]struct {
		explode Explode
		value   any
	}{
		"p=a%3Bsession%3Devil": {0, "a;session=evil"},
		"p=a%3Bb%3Dc,d":        {Joined, []any{"a;b=c", "d"}},
		"R=a%3Bb%3Dc":          {Exploded, map[string]any{"R": "a;b=c"}},
	} {
		parameter := Parameter{Name: "p", In: InCookie, Explode: given.explode, AllowReserved: true}
		made, err := build(&Request{Path: "/", Parameters: []Parameter{parameter}}, arguments{"p": given.value})
		if err != nil || made.header["Cookie"] != cookie {
			t.Errorf("%s is %+v, %v", cookie, made, err)
		}
	}
}

func TestBodies(t *testing.T) {
	for _, each := range []struct {
		bodyType string
		value    any
		written  string
	}{
		{"application/json", map[string]any{"a": json.Number("1.0")}, `{"a":1.0}`},
		{"application/merge-patch+json", "text", `"text"`},
		{"application/x-www-form-urlencoded", map[string]any{"a": "b c", "d": []any{"e", "f"}}, "a=b%20c&d=e&d=f"},
		{"text/plain", "as it is", "as it is"},
	} {
		made, err := build(&Request{Path: "/", BodyType: each.bodyType}, arguments{"body": each.value})
		if err != nil || string(made.body) != each.written || made.header["Content-Type"] != each.bodyType {
			t.Errorf("%s: %s, %v", each.bodyType, made.body, err)
		}
	}
	fields := map[string]any{"name": "x", "tags": []any{"a"}}
	made, err := build(&Request{Path: "/", BodyType: "multipart/form-data"}, arguments{"body": fields})
	if err != nil {
		t.Fatal(err)
	}
	_, boundary, _ := strings.Cut(made.header["Content-Type"], "boundary=")
	if parts := strings.Split(string(made.body), "--"+boundary); len(parts) != 4 {
		t.Errorf("%d parts: %s", len(parts), made.body)
	}
}

func TestKeys(t *testing.T) {
	values := []string{"a/b", "..", "ü"}
	if key := keyOf(values); key != "a%2Fb/%2E%2E/%C3%BC" {
		t.Error(key)
	}
	if parts, isKey := partsOf(keyOf(values), 3); !isKey || !reflect.DeepEqual(parts, values) {
		t.Error(parts)
	}
	if parts, _ := partsOf("a/b", 1); keyOf([]string{"a/b"}) != "a/b" || parts[0] != "a/b" {
		t.Error("a key of one part is the value itself")
	}
	for key, count := range map[string]int{"a/b": 3, "a/%ZZ": 2, "a/%FF": 2} {
		if _, isKey := partsOf(key, count); isKey {
			t.Errorf("%s has %d parts", key, count)
		}
	}
}

func TestChosenNames(t *testing.T) {
	names := []string{"createUser", "deleteUser", "ping"}
	chosen, err := ChosenNames(names, []string{"*User", "createUser"})
	if err != nil || !reflect.DeepEqual(chosen, names[:2]) {
		t.Errorf("%v, %v", chosen, err)
	}
	if _, err := ChosenNames(names, []string{"p.ng"}); err == nil || !strings.Contains(err.Error(), "createUser") {
		t.Errorf("a name that means none: %v", err)
	}
}

func TestSchemasBringWhatTheyReferTo(t *testing.T) {
	definitions := Schemas{
		"A": json.RawMessage(`{"properties":{"b":{"$ref":"#/$defs/B"},"a":{"$ref":"#/$defs/A"}}}`),
		"B": json.RawMessage(`{"maximum":9007199254740993}`),
		"C": json.RawMessage(`{}`),
	}
	own := ContextSchema{Schema: json.RawMessage(`{"$ref":"#/$defs/A"}`)}
	text, err := own.With(definitions)
	const whole = `{"$defs":{"A":{"properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/$defs/B"}}},"B":{"maximum":9007199254740993}},"$ref":"#/$defs/A"}`
	if err != nil || text != whole {
		t.Errorf("%s, %v", text, err)
	}
	own.Open = []string{"A"}
	if text, err = own.With(definitions); err != nil || text != `{"$defs":{"A":{}},"$ref":"#/$defs/A"}` {
		t.Errorf("%s, %v", text, err)
	}
}

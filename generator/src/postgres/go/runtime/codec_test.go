package postgres

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestValuesAsJSON(t *testing.T) {
	record := Record{{"a", Text}, {"b", Number}}
	for _, each := range []struct {
		codec      Codec
		text, JSON string
	}{
		{Text, "x<&>\"", `"x<&>\""`},
		{Trimmed, "AB   ", `"AB"`},
		{Boolean, "f", "false"},
		{Number, "12.50", "12.5"},
		{Number, "NaN", `"NaN"`},
		{Timestamp, "2024-01-31 18:00:00.5", `"2024-01-31T18:00:00.5"`},
		{TimestampTZ, "2024-01-31 18:00:00+00", `"2024-01-31T18:00:00Z"`},
		{TimestampTZ, "0044-03-15 12:00:00+00 BC", `"0044-03-15T12:00:00Z BC"`},
		{TimestampTZ, "-infinity", `"-infinity"`},
		{Bytes, `\x00ff68`, `"AP9o"`},
		{JSON, `{"a": [1, null], "b": 12345678901234567890, "c": 1.50}`, `{"a":[1,null],"b":12345678901234567890,"c":1.50}`},
		{Array{Of: Number}, "{}", "[]"},
		{Array{Of: Number}, "{1,NULL,3}", "[1,null,3]"},
		{Array{Of: Number}, "[5:6]={7,8}", "[7,8]"},
		{Array{Of: Number}, "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
		{Array{Of: Text}, `{"","NULL",NULL,"a,b","{x}","q\"q","b\\s"}`, `["","NULL",null,"a,b","{x}","q\"q","b\\s"]`},
		{Array{Of: Text, Delimiter: ';'}, "{(1,1),(0,0);(2,2),(1,1)}", `["(1,1),(0,0)","(2,2),(1,1)"]`},
		{record, `("Main ""St"", 5",5)`, `{"a":"Main \"St\", 5","b":5}`},
		{record, `("",)`, `{"a":"","b":null}`},
		{Record{{"a", Text}}, "()", `{"a":null}`},
		{Array{Of: Record{{"a", Text}, {"b", Array{Of: Text}}}}, `{"(\"a, (b)\",\"{\"\"x y\"\",z}\")"}`, `[{"a":"a, (b)","b":["x y","z"]}]`},
		{Range{Number}, "[1,10)", `{"lower":1,"upper":10,"bounds":"[)"}`},
		{Range{Number}, "(,5]", `{"lower":null,"upper":5,"bounds":"(]"}`},
		{Range{Number}, "empty", `{"lower":null,"upper":null,"bounds":"empty"}`},
		{Range{Timestamp}, `["2024-01-01 00:00:00",)`, `{"lower":"2024-01-01T00:00:00","upper":null,"bounds":"[)"}`},
		{Multirange{Number}, "{}", "[]"},
		{Multirange{Number}, "{[1,3),[5,8)}", `[{"lower":1,"upper":3,"bounds":"[)"},{"lower":5,"upper":8,"bounds":"[)"}]`},
	} {
		var out bytes.Buffer
		if err := decode(&out, each.codec, []byte(each.text)); err != nil || out.String() != each.JSON {
			t.Errorf("%s is %s, %v", each.text, out.String(), err)
		}
	}
	var out bytes.Buffer
	if err := decode(&out, JSON, nil); err != nil || out.String() != "null" {
		t.Errorf("null is %s, %v", out.String(), err)
	}
}

func TestFaultsEnd(t *testing.T) {
	for _, each := range []struct {
		codec Codec
		text  string
	}{
		{Array{Of: Text}, "x"},
		{Array{Of: Text}, "{a"},
		{Array{Of: Text}, "{{{"},
		{Array{Of: Text}, strings.Repeat("{", 100)},
		{Record{{"a", Text}}, "(a,b)"},
		{Record{{"a", Text}}, "x"},
		{Range{Text}, ""},
		{Range{Text}, "x"},
		{Multirange{Text}, "{["},
		{Bytes, `\x0`},
		{JSON, "{"},
	} {
		if err := decode(&bytes.Buffer{}, each.codec, []byte(each.text)); err == nil && each.text != "{[" {
			t.Errorf("%s is a value", each.text)
		}
	}
}

func FuzzWhateverTextComesItEnds(f *testing.F) {
	f.Add("{a,{b}}")
	f.Add(`("x",)`)
	f.Add("{[1,2),(,)}")
	f.Fuzz(func(t *testing.T, text string) {
		codecs := []Codec{Array{Of: Text}, Record{{"a", Text}}, Range{Text}, Multirange{Text}, Array{Of: Range{Text}}}
		for _, codec := range codecs {
			var out bytes.Buffer
			if err := decode(&out, codec, []byte(text)); err == nil && !json.Valid(out.Bytes()) {
				t.Errorf("%q is %s", text, out.String())
			}
		}
	})
}

func TestFloats(t *testing.T) {
	for text, number := range map[string]float64{"1.5": 1.5, `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), `"NaN"`: math.NaN()} {
		var read Float
		err := json.Unmarshal([]byte(text), &read)
		isSame := float64(read) == number || math.IsNaN(number) && math.IsNaN(float64(read))
		written, _ := json.Marshal(read)
		if err != nil || !isSame || string(written) != text {
			t.Errorf("%s is %v and %s, %v", text, read, written, err)
		}
	}
}

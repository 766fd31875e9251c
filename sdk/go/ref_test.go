package weir

import (
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	for text, want := range map[string]Ref{
		"Ticket/1":              {Type: "Ticket", Key: "1"},
		"Ticket//a/b":           {Type: "Ticket", Key: "/a/b"},
		"Ticket@^1.2/größe@x/y": {Type: "Ticket", VersionRange: "^1.2", Key: "größe@x/y"},
		"Ticket@ >=1 <3 /k":     {Type: "Ticket", VersionRange: ">=1 <3", Key: "k"},
	} {
		got, err := ParseRef(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"Ticket":   "has no key",
		"ticket/1": "has no valid type",
		"/1":       "has no valid type",
		"Ticket/":  "has an empty key",
		"Ticket@/": "has an empty key",
		"T@ /k":    "has an empty version range",
	} {
		if _, err := ParseRef(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q is refused with %v; want %q", text, err, why)
		}
	}
	if _, err := ParseRefs("Ticket/1", "nothing"); err == nil {
		t.Error("ParseRefs takes what is no ref")
	}
}

func TestRefString(t *testing.T) {
	if text := (Ref{Type: "Ticket", Key: "a/b", VersionRange: "^1"}).String(); text != "Ticket@^1/a/b" {
		t.Error(text)
	}
}

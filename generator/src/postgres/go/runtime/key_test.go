package postgres

import (
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
)

func TestKeysAsCallersWriteThem(t *testing.T) {
	for _, each := range []struct {
		parts []string
		key   string
	}{
		{[]string{"a/b", "50%"}, "a%2Fb/50%25"},
		{[]string{"né"}, "né"},
		{[]string{"ne\u0301"}, "ne%CC%81"},
		{[]string{"a\tb"}, "a%09b"},
		{[]string{" a b "}, "%20a b%20"},
		{[]string{".."}, "%2E%2E"},
		{[]string{"\u202eevil"}, "%E2%80%AEevil"},
		{[]string{"", "x"}, "/x"},
	} {
		if key, isKey := formatKey(each.parts); !isKey || key != each.key {
			t.Errorf("%q is written as %s", each.parts, key)
		}
		if parts, isKey := parseKey(each.key, len(each.parts)); !isKey || !reflect.DeepEqual(parts, each.parts) {
			t.Errorf("%s is read as %q", each.key, parts)
		}
	}
	for _, key := range []string{"%41", "a%2fb", "%", "%zz", "a/b", "%00", " a", "..", "ne\u0301", "%FF"} {
		if parts, isKey := parseKey(key, 1); isKey {
			t.Errorf("%s is a key of %q", key, parts)
		}
	}
	if _, isKey := formatKey([]string{strings.Repeat("x", 1_025)}); isKey {
		t.Error("a key can be too long")
	}
	if _, isKey := formatKey([]string{""}); isKey {
		t.Error("a key can be empty")
	}
}

func TestAnyPartsComeBack(t *testing.T) {
	comesBack := func(first, second string) bool {
		parts := []string{strings.ReplaceAll(first, "\x00", ""), strings.ReplaceAll(second, "\x00", "")}
		key, isKey := formatKey(parts)
		if !isKey {
			return true
		}
		read, isRead := parseKey(key, 2)
		for end := 0; end <= len(key) && isRead; end++ {
			begun, isPrefix := parsePrefix(strings.ToValidUTF8(key[:end], ""))
			isRead = !isPrefix || strings.HasPrefix(parts[0], begun[0])
		}
		return isRead && reflect.DeepEqual(read, parts)
	}
	if err := quick.Check(comesBack, &quick.Config{Rand: rand.New(rand.NewSource(1))}); err != nil {
		t.Error(err)
	}
}

func TestWhetherTextsAreValues(t *testing.T) {
	for _, each := range []struct {
		sql, text string
		found     verdict
	}{
		{"integer", "2147483647", isValue},
		{"integer", "2147483648", isNone},
		{"integer", "-0", isNone},
		{"integer", "+1", isNone},
		{"smallint", "-32768", isValue},
		{"bigint", "-9223372036854775808", isValue},
		{"bigint", "9223372036854775808", isNone},
		{"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", isValue},
		{"uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", isNone},
		{"boolean", "t", isNone},
		{"numeric", "1.50", isValue},
		{"numeric", "1e5", isUnknown},
		{"date", "x", isUnknown},
		{"text", "anything", isValue},
	} {
		if found := judge(each.sql, each.text); found != each.found {
			t.Errorf("%s of %s is %v", each.text, each.sql, found)
		}
	}
}

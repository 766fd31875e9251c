package weir

import (
	"fmt"
	"regexp"
	"strings"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
)

// Ref is what a consumer asks for.
type Ref struct {
	// Type is the name of a context type, such as "DocChunk".
	Type string
	// Key is the key of the item within its type; 1 to 1024 bytes of UTF-8.
	Key string
	// VersionRange has the acceptable versions of the type, a semver range. Default: the consumer's
	// pin, else any.
	VersionRange string
	// Provider is the name of the provider to ask. Default: the router chooses.
	Provider string
}

var typeName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)

// ParseRef reads a ref written as TYPE/KEY or TYPE@RANGE/KEY. The key is everything after the first
// slash, further slashes included. The error says what is wrong and how to mend it.
func ParseRef(text string) (Ref, error) {
	name, key, hasKey := strings.Cut(text, "/")
	if !hasKey {
		return Ref{}, refFault(text, "has no key: write TYPE/KEY, such as DocChunk/README.md")
	}
	name, versionRange, hasRange := strings.Cut(name, "@")
	versionRange = strings.TrimSpace(versionRange)
	switch {
	case !typeName.MatchString(name):
		return Ref{}, refFault(text, fmt.Sprintf("has no valid type: %q must be A-Z, a-z, 0-9 after a capital", name))
	case key == "":
		return Ref{}, refFault(text, "has an empty key: write what follows the slash")
	case hasRange && versionRange == "":
		return Ref{}, refFault(text, `has an empty version range: drop the "@"`)
	}
	return Ref{Type: name, Key: key, VersionRange: versionRange}, nil
}

// ParseRefs reads refs as ParseRef does.
func ParseRefs(texts ...string) ([]Ref, error) {
	refs := make([]Ref, len(texts))
	for at, text := range texts {
		ref, err := ParseRef(text)
		if err != nil {
			return nil, err
		}
		refs[at] = ref
	}
	return refs, nil
}

// String writes a ref as ParseRef reads it. The provider has no place in it and is left out.
func (r Ref) String() string {
	if r.VersionRange == "" {
		return r.Type + "/" + r.Key
	}
	return r.Type + "@" + r.VersionRange + "/" + r.Key
}

func refFault(text, fault string) error {
	return fmt.Errorf("weir: the ref %q %s", text, fault)
}

func refsToWire(refs []Ref) []*contextv1.ContextRef {
	wire := make([]*contextv1.ContextRef, len(refs))
	for at, ref := range refs {
		wire[at] = &contextv1.ContextRef{
			Type: ref.Type, Key: ref.Key, VersionRange: ref.VersionRange, Provider: ref.Provider,
		}
	}
	return wire
}

func refOf(wire *contextv1.ContextRef) Ref {
	return Ref{
		Type: wire.GetType(), Key: wire.GetKey(),
		VersionRange: wire.GetVersionRange(), Provider: wire.GetProvider(),
	}
}

package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/weir/weir-go/provider"
)

// Schemas are JSON Schemas by name, as they stand in a file.
type Schemas map[string]json.RawMessage

// ContextSchema is the schema of a context's values.
type ContextSchema struct {
	// Schema refers to definitions as #/$defs/NAME.
	Schema json.RawMessage `json:"schema"`
	// Open names definitions that allow any value here: with them the schema would be larger than Weir takes.
	Open []string `json:"open"`
}

// With returns the schema together with the definitions that it refers to. It fails when one of them is no
// JSON object.
func (c ContextSchema) With(definitions Schemas) (string, error) {
	read, err := readJSON(c.Schema)
	schema, isObject := read.(map[string]any)
	if err != nil || !isObject {
		return "", errors.New("a schema is no JSON object")
	}
	held := map[string]any{}
	pending := []any{schema}
	for len(pending) > 0 {
		value := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		switch value := value.(type) {
		case []any:
			pending = append(pending, value...)
		case map[string]any:
			name := referredTo(value)
			if _, isHeld := held[name]; name != "" && !isHeld {
				definition, err := c.definition(definitions, name)
				if err != nil {
					return "", err
				}
				held[name] = definition
				pending = append(pending, definition)
			}
			for _, inner := range value {
				pending = append(pending, inner)
			}
		}
	}
	if len(held) > 0 {
		schema["$defs"] = held
	}
	text, err := json.Marshal(schema)
	return string(text), err
}

// referredTo is the definition that a schema refers to; empty: none.
func referredTo(schema map[string]any) string {
	reference, _ := schema["$ref"].(string)
	if !strings.HasPrefix(reference, "#/$defs/") {
		return ""
	}
	return strings.TrimPrefix(reference, "#/$defs/")
}

func (c ContextSchema) definition(definitions Schemas, name string) (any, error) {
	text, isKnown := definitions[name]
	if !isKnown || contains(c.Open, name) {
		return map[string]any{}, nil
	}
	definition, err := readJSON(text)
	if err != nil {
		return nil, fmt.Errorf("the definition %s is no JSON: %w", name, err)
	}
	return definition, nil
}

// Described gives contexts their schemas, of files that hold a ContextSchema by each type, and definitions.
func Described(contexts []provider.Context, schemas, definitions []byte) ([]provider.Context, error) {
	var byType map[string]ContextSchema
	if err := json.Unmarshal(schemas, &byType); err != nil {
		return nil, fmt.Errorf("the schemas of contexts cannot be read: %w", err)
	}
	var shared Schemas
	if err := json.Unmarshal(definitions, &shared); err != nil {
		return nil, fmt.Errorf("the definitions of schemas cannot be read: %w", err)
	}
	for at := range contexts {
		own, isKnown := byType[contexts[at].Type]
		if !isKnown {
			return nil, fmt.Errorf("%s has no schema", contexts[at].Type)
		}
		text, err := own.With(shared)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", contexts[at].Type, err)
		}
		contexts[at].Schema = text
	}
	return contexts, nil
}

package postgres

import (
	"encoding/json"
	"math"
	"strconv"
)

// Float is a number of PostgreSQL in JSON, where NaN and infinities are texts.
type Float float64

// UnmarshalJSON reads a number, or "NaN", "Infinity" or "-Infinity".
func (f *Float) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		return json.Unmarshal(data, (*float64)(f))
	}
	number, err := strconv.ParseFloat(text, 64)
	*f = Float(number)
	return err
}

// MarshalJSON writes what UnmarshalJSON reads.
func (f Float) MarshalJSON() ([]byte, error) {
	number := float64(f)
	switch {
	case math.IsNaN(number):
		return []byte(`"NaN"`), nil
	case math.IsInf(number, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(number, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(number)
	}
}

// Package wire translates between the SDK's values and the messages.
package wire

import (
	"strings"
	"time"

	contextv1 "github.com/weir/weir-go/gen/weir/context/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const sensitivityPrefix = "SENSITIVITY_"

// SensitivityOf returns the number that stands for a sensitivity; 0 (not stated) for "". It is false
// when there is no such sensitivity.
func SensitivityOf(name string) (contextv1.Sensitivity, bool) {
	if name == "" {
		return contextv1.Sensitivity_SENSITIVITY_UNSPECIFIED, true
	}
	number, known := contextv1.Sensitivity_value[sensitivityPrefix+strings.ToUpper(name)]
	return contextv1.Sensitivity(number), known && number != 0
}

// SensitivityName returns the name of a sensitivity; "" when it is not stated.
func SensitivityName(sensitivity contextv1.Sensitivity) string {
	if sensitivity == contextv1.Sensitivity_SENSITIVITY_UNSPECIFIED {
		return ""
	}
	name := contextv1.Sensitivity_name[int32(sensitivity)]
	return strings.ToLower(strings.TrimPrefix(name, sensitivityPrefix))
}

// Duration returns a duration as messages have it; nil for 0, and 0 for what is negative.
func Duration(duration time.Duration) *durationpb.Duration {
	switch {
	case duration == 0:
		return nil
	case duration < 0:
		return durationpb.New(0)
	default:
		return durationpb.New(duration)
	}
}

// Time returns a time as messages have it; nil for the zero time.
func Time(at time.Time) *timestamppb.Timestamp {
	if at.IsZero() {
		return nil
	}
	return timestamppb.New(at)
}

// TimeOf reads a time; the zero time when there is none.
func TimeOf(at *timestamppb.Timestamp) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.AsTime()
}

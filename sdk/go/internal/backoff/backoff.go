// Package backoff says how long to wait before something is tried again.
package backoff

import (
	"context"
	"math"
	"math/rand"
	"time"
)

// Backoff has the bounds of a backoff.
type Backoff struct {
	// First is the greatest wait before the first retry.
	First time.Duration
	// Max is the greatest wait before any retry.
	Max time.Duration
}

// Wait returns the wait before retry attempt (from 0): exponential, with jitter over its upper half,
// so that clients that failed together do not come back together.
func (b Backoff) Wait(attempt int) time.Duration {
	ceiling := math.Min(float64(b.Max), float64(b.First)*math.Pow(2, float64(attempt)))
	return time.Duration(ceiling * (0.5 + rand.Float64()/2))
}

// Sleep waits, and returns the context's error as soon as that is done.
func Sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

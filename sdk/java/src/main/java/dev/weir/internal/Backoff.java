package dev.weir.internal;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Waits that grow: exponential, with jitter over their upper half, so that clients that failed
 * together do not come back together.
 *
 * @param firstMillis the greatest wait before the first retry
 * @param maxMillis the greatest wait before any retry
 */
public record Backoff(long firstMillis, long maxMillis) {
    /** The wait before a retry, counted from 0. */
    public Duration before(int retry) {
        double ceiling = Math.min(maxMillis, firstMillis * Math.pow(2, retry));
        double jitter = 0.5 + ThreadLocalRandom.current().nextDouble() / 2;
        return Duration.ofMillis(Math.round(ceiling * jitter));
    }

    /** The longer one of two waits. */
    public static Duration longer(Duration one, Duration other) {
        return one.compareTo(other) >= 0 ? one : other;
    }
}

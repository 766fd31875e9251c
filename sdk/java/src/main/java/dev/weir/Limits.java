package dev.weir;

import java.time.Duration;

/** What options may be. */
final class Limits {
    private static final Duration MAX_TIMEOUT = Duration.ofDays(24);

    private Limits() {}

    static Duration timeout(Duration value) {
        boolean isRight =
                !value.isNegative() && !value.isZero() && value.compareTo(MAX_TIMEOUT) <= 0;
        if (isRight) return value;
        throw new IllegalArgumentException(
                "timeout is " + value + ": give more than 0, and at most " + MAX_TIMEOUT);
    }

    static double share(String name, double value) {
        if (value >= 0 && value <= 1) return value;
        throw new IllegalArgumentException(name + " is " + value + ": give 0 to 1");
    }
}

package dev.weir;

import dev.weir.internal.Wire;
import dev.weir.router.v1.FetchContextRequest;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

/** How items are fetched. */
public final class FetchOptions {
    /** As the client says. */
    public static final FetchOptions DEFAULT = builder().build();

    private static final long MAX_VALUE_BYTES = 64L * 1024 * 1024;

    private final Builder given;

    private FetchOptions(Builder given) {
        this.given = given;
    }

    /** Begins with what the client says. */
    public static Builder builder() {
        return new Builder();
    }

    Duration timeoutOr(Duration other) {
        return given.timeout == null ? other : given.timeout;
    }

    boolean keepLinks() {
        return given.keepLinks;
    }

    long maxValueBytes() {
        return given.maxValueBytes;
    }

    /** The request for some refs. */
    FetchContextRequest request(List<Wanted> wanted, double minQuality) {
        FetchContextRequest.Builder request =
                FetchContextRequest.newBuilder()
                        .setMinQuality(given.minQuality == null ? minQuality : given.minQuality)
                        .setConsistencyToken(given.consistencyToken)
                        .setPurpose(given.purpose);
        for (Wanted each : wanted) request.addRefs(each.ref().toWire());
        if (given.itemTimeout != null) request.setItemTimeout(Wire.duration(given.itemTimeout));
        if (given.maxAge != null) request.setMaxAge(Wire.duration(given.maxAge));
        return request.build();
    }

    /** Says how items are fetched. */
    public static final class Builder {
        private Duration timeout;
        private Duration itemTimeout;
        private Double minQuality;
        private Duration maxAge;
        private String consistencyToken = "";
        private String purpose = "";
        private boolean keepLinks;
        private long maxValueBytes = MAX_VALUE_BYTES;

        private Builder() {}

        private Builder(Builder other) {
            timeout = other.timeout;
            itemTimeout = other.itemTimeout;
            minQuality = other.minQuality;
            maxAge = other.maxAge;
            consistencyToken = other.consistencyToken;
            purpose = other.purpose;
            keepLinks = other.keepLinks;
            maxValueBytes = other.maxValueBytes;
        }

        /** The time of the call, retries included. Default: the client's. */
        public Builder timeout(Duration value) {
            timeout = Limits.timeout(value);
            return this;
        }

        /** The time for each item; a late item is refused. Default: only the call's. */
        public Builder itemTimeout(Duration value) {
            itemTimeout = Limits.timeout(value);
            return this;
        }

        /** The least quality acceptable, from 0 to 1. Default: the client's, else any. */
        public Builder minQuality(double value) {
            minQuality = Limits.share("minQuality", value);
            return this;
        }

        /** The greatest age acceptable; older items are fetched anew. Default: as the ttl says. */
        public Builder maxAge(Duration value) {
            maxAge = Objects.requireNonNull(value);
            return this;
        }

        /** A token from an earlier write, which the answer then takes into account. */
        public Builder consistencyToken(String value) {
            consistencyToken = Objects.requireNonNull(value);
            return this;
        }

        /** What the call is for, such as {@code support}. Default: not stated. */
        public Builder purpose(String value) {
            purpose = Objects.requireNonNull(value);
            return this;
        }

        /**
         * Leaves values that are too large to carry at their links: the item has its link and no
         * value, and {@link Weir#open} reads it. Default: links are followed.
         */
        public Builder keepLinks() {
            keepLinks = true;
            return this;
        }

        /** The largest value that is followed to its link, in bytes. Default: 64 MiB. */
        public Builder maxValueBytes(int value) {
            maxValueBytes = value;
            return this;
        }

        /** The options. */
        public FetchOptions build() {
            return new FetchOptions(new Builder(this));
        }
    }
}

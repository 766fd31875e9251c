package dev.weir.provider;

import dev.weir.Sensitivity;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;

/** A value, and what is known of it. */
public final class ContextValue implements ContextAnswer {
    final Object value;
    final long sizeBytes;
    final String contentType;
    final String etag;
    final Instant asOf;
    final Duration ttl;
    final Sensitivity sensitivity;
    final Double quality;
    final String source;
    final Map<String, String> labels;
    final String owner;

    private ContextValue(Builder given) {
        value = given.value;
        sizeBytes = given.sizeBytes;
        contentType = given.contentType;
        etag = given.etag;
        asOf = given.asOf;
        ttl = given.ttl;
        sensitivity = given.sensitivity;
        quality = given.quality;
        source = given.source;
        labels = given.labels;
        owner = given.owner;
    }

    /**
     * Begins with a value: bytes as they are, a text as it is, all else as JSON, by Gson. What is
     * above 4 MiB is sent in parts, and consumers get it by a link.
     */
    public static Builder builder(Object value) {
        return new Builder(Objects.requireNonNull(value), -1);
    }

    /**
     * Begins with a value that should not be held whole: it is read as fast as the router takes
     * it, and closed then. It must hold as many bytes as are named.
     */
    public static Builder builder(InputStream value, long sizeBytes) {
        if (sizeBytes < 0) throw new IllegalArgumentException("sizeBytes is below 0");
        return new Builder(Objects.requireNonNull(value), sizeBytes);
    }

    boolean isStream() {
        return sizeBytes >= 0;
    }

    /** Says what is known of a value. */
    public static final class Builder {
        private final Object value;
        private final long sizeBytes;
        private String contentType;
        private String etag;
        private Instant asOf;
        private Duration ttl;
        private Sensitivity sensitivity;
        private Double quality;
        private String source = "";
        private Map<String, String> labels = Map.of();
        private String owner = "";

        private Builder(Object value, long sizeBytes) {
            this.value = value;
            this.sizeBytes = sizeBytes;
        }

        /**
         * The media type. Default: {@code application/json}; for a text {@code text/plain;
         * charset=utf-8}, for bytes and streams {@code application/octet-stream}.
         */
        public Builder contentType(String given) {
            contentType = given;
            return this;
        }

        /** The tag of this state. Default: from a SHA-256 of the bytes; no stream has one. */
        public Builder etag(String given) {
            etag = given;
            return this;
        }

        /** When this was the value. Default: now. */
        public Builder asOf(Instant given) {
            asOf = given;
            return this;
        }

        /** How long it stays true. Default: the context's. */
        public Builder ttl(Duration given) {
            ttl = given;
            return this;
        }

        /** How sensitive it is. Default: the context's. */
        public Builder sensitivity(Sensitivity given) {
            sensitivity = given;
            return this;
        }

        /** How good it is, from 0 to 1. Default: not judged. */
        public Builder quality(double given) {
            if (!(given >= 0 && given <= 1)) {
                throw new IllegalArgumentException("quality " + given + " is not from 0 to 1");
            }
            quality = given;
            return this;
        }

        /** The place within the source, such as a file name and line; shown to callers. */
        public Builder source(String given) {
            source = given;
            return this;
        }

        /** Names and values that describe it; policies can read them. */
        public Builder labels(Map<String, String> given) {
            labels = Map.copyOf(given);
            return this;
        }

        /** Who owns it in the source. */
        public Builder owner(String given) {
            owner = given;
            return this;
        }

        /** The value. */
        public ContextValue build() {
            return new ContextValue(this);
        }
    }
}

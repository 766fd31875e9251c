package dev.weir.provider;

import dev.weir.Sensitivity;
import dev.weir.internal.Wire;
import java.time.Instant;
import java.util.Map;

/** A key that can be fetched. */
public final class ListEntry {
    private final dev.weir.provider.v1.ListEntry wire;

    private ListEntry(dev.weir.provider.v1.ListEntry wire) {
        this.wire = wire;
    }

    /** A key with what it is called, for people. */
    public static ListEntry of(String key, String title) {
        return builder(key).title(title).build();
    }

    /** Begins with a key. */
    public static Builder builder(String key) {
        return new Builder(key);
    }

    dev.weir.provider.v1.ListEntry toWire() {
        return wire;
    }

    /** Says what is known of a key. */
    public static final class Builder {
        private final dev.weir.provider.v1.ListEntry.Builder entry =
                dev.weir.provider.v1.ListEntry.newBuilder();

        private Builder(String key) {
            entry.setKey(key);
        }

        /** What it is called, for people. */
        public Builder title(String value) {
            entry.setTitle(value);
            return this;
        }

        /** A few words of it, or about it. */
        public Builder summary(String value) {
            entry.setSummary(value);
            return this;
        }

        /** How well it matches the words asked for, from 0 to 1. */
        public Builder score(double value) {
            entry.setScore(value);
            return this;
        }

        /** When it last changed. */
        public Builder updateTime(Instant value) {
            entry.setUpdateTime(Wire.timestamp(value));
            return this;
        }

        /** How sensitive the item is; policies decide who finds it. Default: the context's. */
        public Builder sensitivity(Sensitivity value) {
            entry.setSensitivity(Wire.sensitivity(value));
            return this;
        }

        /** The item's labels, for policies. */
        public Builder labels(Map<String, String> value) {
            entry.putAllLabels(value);
            return this;
        }

        /** The item's owner, for policies. */
        public Builder owner(String value) {
            entry.setOwner(value);
            return this;
        }

        /** The media type of the value. */
        public Builder contentType(String value) {
            entry.setContentType(value);
            return this;
        }

        /** The size of the value in bytes. */
        public Builder sizeBytes(long value) {
            entry.setSizeBytes(value);
            return this;
        }

        /** The entry. */
        public ListEntry build() {
            return new ListEntry(entry.build());
        }
    }
}

package dev.weir;

import java.time.Duration;
import java.util.function.Consumer;

/** How a tool is called. */
public final class ToolOptions {
    /** As the client says, and nothing is told before the end. */
    public static final ToolOptions DEFAULT = builder().build();

    final Duration timeout;
    final String group;
    final String purpose;
    final Consumer<Progress> onProgress;

    private ToolOptions(Builder given) {
        this.timeout = given.timeout;
        this.group = given.group;
        this.purpose = given.purpose;
        this.onProgress = given.onProgress;
    }

    /** Begins with what the client says. */
    public static Builder builder() {
        return new Builder();
    }

    Duration timeoutOr(Duration other) {
        return timeout == null ? other : timeout;
    }

    /** Says how a tool is called. */
    public static final class Builder {
        private Duration timeout;
        private String group = "";
        private String purpose = "";
        private Consumer<Progress> onProgress;

        private Builder() {}

        /** The time of the call. Default: the client's. */
        public Builder timeout(Duration value) {
            timeout = Limits.timeout(value);
            return this;
        }

        /** The tool group. Default: that of the key, if it has one. */
        public Builder group(String value) {
            group = value;
            return this;
        }

        /** What the call is for, as of a fetch. Default: not stated. */
        public Builder purpose(String value) {
            purpose = value;
            return this;
        }

        /**
         * Told how far the tool is, one after the other; it must not wait for anything. Default:
         * it is not asked for.
         */
        public Builder onProgress(Consumer<Progress> value) {
            onProgress = value;
            return this;
        }

        /** The options. */
        public ToolOptions build() {
            return new ToolOptions(this);
        }
    }
}

package dev.weir;

import dev.weir.events.v1.Start;
import dev.weir.events.v1.SubscribeRequest;
import java.util.function.Consumer;

/** What is delivered, and from where on. */
public final class SubscribeOptions {
    /** Everything that comes from now on. */
    public static final SubscribeOptions DEFAULT = builder().build();

    final Consumer<String> onCursor;
    final Consumer<WeirException> onBreak;
    private final SubscribeRequest request;

    private SubscribeOptions(Builder given) {
        this.request = given.request.build();
        this.onCursor = given.onCursor;
        this.onBreak = given.onBreak;
    }

    /** Begins with everything that comes from now on. */
    public static Builder builder() {
        return new Builder();
    }

    SubscribeRequest.Builder request() {
        return request.toBuilder();
    }

    /** Says what is delivered. */
    public static final class Builder {
        private final SubscribeRequest.Builder request =
                SubscribeRequest.newBuilder().setStart(Start.START_LATEST);
        private Consumer<String> onCursor = cursor -> {};
        private Consumer<WeirException> onBreak = error -> {};

        private Builder() {}

        /** Begins with the oldest event that is kept, when there is no cursor. */
        public Builder fromEarliest() {
            request.setStart(Start.START_EARLIEST);
            return this;
        }

        /** Where to go on: the cursor of the last event that was handled. */
        public Builder cursor(String value) {
            request.setCursor(value);
            return this;
        }

        /** Brings the items of each event's refs, as the subscriber may read them. */
        public Builder fetchItems() {
            request.setFetch(true);
            return this;
        }

        /** Of events of one key that wait, only the latest comes. */
        public Builder latestOnly() {
            request.setLatestOnly(true);
            return this;
        }

        /** The most events in a second; others wait, or give way to later ones. Default: any. */
        public Builder maxPerSecond(int value) {
            request.setMaxPerSecond(value);
            return this;
        }

        /** What the events are for, as of a fetch. Default: not stated. */
        public Builder purpose(String value) {
            request.setPurpose(value);
            return this;
        }

        /**
         * Told where to go on, each time that all that came up to there was handled; also when
         * events went by that are for others. To be stored by who must not lose any.
         */
        public Builder onCursor(Consumer<String> value) {
            onCursor = value;
            return this;
        }

        /** Told why the subscription broke off, before it is taken up again. */
        public Builder onBreak(Consumer<WeirException> value) {
            onBreak = value;
            return this;
        }

        /** The options. */
        public SubscribeOptions build() {
            return new SubscribeOptions(this);
        }
    }
}

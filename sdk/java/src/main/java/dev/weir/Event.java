package dev.weir;

import com.google.protobuf.ByteString;
import dev.weir.internal.Payload;
import dev.weir.internal.Wire;
import java.time.Instant;
import java.util.Map;

/** Something that happened, to be published. */
public final class Event {
    private final dev.weir.events.v1.Event wire;

    private Event(dev.weir.events.v1.Event wire) {
        this.wire = wire;
    }

    /** Begins with a topic, such as {@code page.updated}: 1 to 8 names, parted by dots. */
    public static Builder builder(String topic) {
        return new Builder(topic);
    }

    dev.weir.events.v1.Event toWire() {
        return wire;
    }

    /** Says what happened. */
    public static final class Builder {
        private final dev.weir.events.v1.Event.Builder event =
                dev.weir.events.v1.Event.newBuilder();

        private Builder(String topic) {
            event.setTopic(topic);
        }

        /** What it happened to; events of one key keep their order. Default: nothing. */
        public Builder key(String value) {
            event.setKey(value);
            return this;
        }

        /**
         * More about it, at most 256 KiB: bytes, a text, or what becomes JSON. Default: nothing.
         *
         * @throws IllegalArgumentException when it has no JSON
         */
        public Builder data(Object value) {
            return data(value, Payload.typeOf(value));
        }

        /** The same, with a media type of its own. */
        public Builder data(Object value, String contentType) {
            event.setData(ByteString.copyFrom(Payload.bytesOf(value)));
            event.setContentType(contentType);
            return this;
        }

        /** An item that is not any more what it was; at most 32. Weir forgets what it holds. */
        public Builder ref(ContextRef value) {
            event.addRefs(value.toWire());
            return this;
        }

        /** How sensitive it is. Default: internal. */
        public Builder sensitivity(Sensitivity value) {
            event.setSensitivity(Wire.sensitivity(value));
            return this;
        }

        /** Names and values that describe it; policies can decide by them. */
        public Builder labels(Map<String, String> value) {
            event.putAllLabels(value);
            return this;
        }

        /** Who owns it. Default: nobody is named. */
        public Builder owner(String value) {
            event.setOwner(value);
            return this;
        }

        /** What the publisher calls it, for who is told twice. Default: Weir names it. */
        public Builder id(String value) {
            event.setId(value);
            return this;
        }

        /** When it happened. Default: when it is published. */
        public Builder time(Instant value) {
            event.setTime(Wire.timestamp(value));
            return this;
        }

        /** The event. */
        public Event build() {
            return new Event(event.build());
        }
    }
}

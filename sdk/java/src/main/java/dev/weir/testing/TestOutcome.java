package dev.weir.testing;

import com.google.gson.JsonElement;
import dev.weir.Sensitivity;
import dev.weir.internal.Json;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** What a router receives for a query. */
public sealed interface TestOutcome {
    /**
     * A value.
     *
     * @param value a JsonElement when it is JSON, a String when it is text, else its bytes
     * @param bytes the value as it came
     * @param contentType its media type
     * @param etag its tag
     * @param asOf when it was the value, if that was said
     * @param ttl how long it stays true, if that was said
     * @param sensitivity how sensitive it is, if that was said
     * @param quality how good it is, if that was judged
     * @param source the place within the source
     * @param labels names and values that describe it
     * @param owner who owns it
     */
    record Content(
            Object value,
            byte[] bytes,
            String contentType,
            String etag,
            Optional<Instant> asOf,
            Optional<Duration> ttl,
            Optional<Sensitivity> sensitivity,
            OptionalDouble quality,
            String source,
            Map<String, String> labels,
            String owner)
            implements TestOutcome {

        /**
         * The value as an object of a class, by Gson.
         *
         * @throws ClassCastException when the value is no JSON
         */
        public <T> T as(Class<T> type) {
            return Json.as((JsonElement) value, type);
        }
    }

    /** The value with the known etag is still the value. */
    record NotModified(Optional<Duration> ttl) implements TestOutcome {}

    /** There is no such key. */
    record NotFound() implements TestOutcome {}

    /** The value could not be had. */
    record Failure(Status.Code code, String text, Optional<Duration> retryDelay)
            implements TestOutcome {}
}

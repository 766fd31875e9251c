package dev.weir;

import com.google.gson.JsonElement;
import dev.weir.internal.Json;
import dev.weir.internal.Payload;
import dev.weir.internal.Wire;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * What a tool came to.
 *
 * @param value a {@link JsonElement} when it is JSON, a String when it is text, else its bytes; of
 *     a result made of pieces, an object with {@code content}, {@code structuredContent} and
 *     {@code isError}
 * @param bytes the result as it came
 * @param contentType the media type of the result
 * @param isError whether the tool itself failed; the value says how
 * @param sensitivity how sensitive it is; {@code INTERNAL} when nobody says
 * @param redacted whether a policy had something of it masked, removed or cut
 * @param asOf when the provider held this to be the result; empty: not said
 * @param ttl how long it stays true; empty: not said
 */
public record ToolResult(
        Object value,
        byte[] bytes,
        String contentType,
        boolean isError,
        Sensitivity sensitivity,
        boolean redacted,
        Optional<Instant> asOf,
        Optional<Duration> ttl) {

    /**
     * The value as JSON.
     *
     * @throws IllegalStateException when it is none
     */
    public JsonElement json() {
        if (value instanceof JsonElement element) return element;
        throw new IllegalStateException("the result is " + contentType + ", and no JSON");
    }

    /**
     * The value as an object of a class, by Gson.
     *
     * @throws IllegalStateException when it is no JSON
     * @throws com.google.gson.JsonParseException when it does not fit the class
     */
    public <T> T as(Class<T> type) {
        return Json.as(json(), type);
    }

    static ToolResult read(dev.weir.tools.v1.ToolResult wire) {
        byte[] bytes = wire.getPayload().toByteArray();
        return new ToolResult(
                Payload.read(wire.getContentType(), bytes),
                bytes,
                wire.getContentType(),
                wire.getIsError(),
                Wire.sensitivity(wire.getSensitivity()).orElse(Sensitivity.INTERNAL),
                wire.getRedacted(),
                wire.hasAsOf() ? Optional.of(Wire.instant(wire.getAsOf())) : Optional.empty(),
                wire.hasTtl() ? Optional.of(Wire.duration(wire.getTtl())) : Optional.empty());
    }
}

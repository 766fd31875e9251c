package dev.weir;

import com.google.gson.JsonElement;
import dev.weir.context.v1.Item;
import dev.weir.context.v1.ItemResult;
import dev.weir.internal.Json;
import dev.weir.internal.Payload;
import dev.weir.internal.Wire;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A piece of context.
 *
 * @param value a {@link JsonElement} when it is JSON, a String when it is text, else its bytes;
 *     null when it was left at its link
 * @param bytes the value as it came; empty when it was left at its link
 * @param link where a value lies that is too large to carry; it was followed already, unless
 *     {@link FetchOptions.Builder#keepLinks} was asked for
 * @param contentType the media type of the value
 * @param version the version of the context type that the value conforms to
 * @param etag the provider's tag for this state of the value; equal tags mean equal values
 * @param asOf when the provider held this to be the value; when it last confirmed it, if it did
 *     not say
 * @param ttl how long the provider holds the value to stay true; zero: not at all
 * @param sensitivity how sensitive the value is; {@code INTERNAL} when nobody says
 * @param quality how good the item is, from 0 to 1, as the router judges it
 * @param judgement how good the value is, from 0 to 1, in the provider's own judgement
 * @param provenance where the value comes from
 * @param labels names and values that describe the item
 * @param owner who owns the value in its source; empty when nobody is named
 * @param redacted whether a policy had something of it masked, removed or cut
 */
public record ContextItem(
        Object value,
        byte[] bytes,
        Optional<ValueLink> link,
        String contentType,
        String version,
        String etag,
        Instant asOf,
        Duration ttl,
        Sensitivity sensitivity,
        OptionalDouble quality,
        OptionalDouble judgement,
        Provenance provenance,
        Map<String, String> labels,
        String owner,
        boolean redacted) {

    /**
     * The value as an object of a class, by Gson.
     *
     * @throws IllegalStateException when the value is no JSON
     * @throws com.google.gson.JsonParseException when it does not fit the class
     */
    public <T> T as(Class<T> type) {
        return Json.as(json(), type);
    }

    /**
     * The value as JSON.
     *
     * @throws IllegalStateException when the value is none
     */
    public JsonElement json() {
        if (value instanceof JsonElement element) return element;
        throw new IllegalStateException("the value is " + contentType + ", and no JSON");
    }

    /** The bytes of the value as text in UTF-8. */
    public String text() {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** The item without its value, which is read from bytes by {@link #withBytes}. */
    static ContextItem read(ItemResult result, Duration age) {
        Item wire = result.getItem();
        String contentType = wire.getContentType();
        return new ContextItem(
                null,
                new byte[0],
                wire.hasUrl() ? Optional.of(linkOf(wire)) : Optional.empty(),
                contentType.isEmpty() ? Payload.JSON : contentType,
                wire.getVersion(),
                wire.getEtag(),
                wire.hasAsOf() ? Wire.instant(wire.getAsOf()) : Instant.now().minus(age),
                Wire.duration(wire.getTtl()),
                Wire.sensitivity(wire.getSensitivity()).orElse(Sensitivity.INTERNAL),
                result.hasQuality()
                        ? OptionalDouble.of(result.getQuality())
                        : OptionalDouble.empty(),
                wire.hasQuality() ? OptionalDouble.of(wire.getQuality()) : OptionalDouble.empty(),
                provenanceOf(wire.getProvenance()),
                Map.copyOf(wire.getLabelsMap()),
                wire.getOwner(),
                result.getRedacted());
    }

    /** The item with its value. Throws JsonParseException when it is not what its type says. */
    ContextItem withBytes(byte[] given) {
        return new ContextItem(
                Payload.read(contentType, given),
                given,
                link,
                contentType,
                version,
                etag,
                asOf,
                ttl,
                sensitivity,
                quality,
                judgement,
                provenance,
                labels,
                owner,
                redacted);
    }

    private static ValueLink linkOf(Item wire) {
        return new ValueLink(
                wire.getUrl(),
                HexFormat.of().formatHex(wire.getSha256().toByteArray()),
                wire.getSizeBytes(),
                wire.hasUrlExpireTime()
                        ? Optional.of(Wire.instant(wire.getUrlExpireTime()))
                        : Optional.empty());
    }

    private static Provenance provenanceOf(dev.weir.context.v1.Provenance wire) {
        return new Provenance(
                wire.getProvider(),
                wire.getProviderVersion(),
                wire.getSource(),
                wire.getCleanedList().stream().toList());
    }
}

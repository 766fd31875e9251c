package dev.weir;

import com.google.gson.JsonElement;
import dev.weir.internal.Json;
import dev.weir.internal.Payload;
import dev.weir.internal.Wire;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * An event as a subscriber gets it.
 *
 * @param topic what kind of thing happened, such as {@code page.updated}
 * @param key what it happened to; empty: to nothing in particular
 * @param id what its publisher calls it, or Weir; an event that comes twice has the same
 * @param data more about it, as it was published
 * @param contentType the media type of the data
 * @param labels names and values that describe it
 * @param owner who owns it; empty when nobody is named
 * @param sensitivity how sensitive it is
 * @param time when it happened
 * @param publishTime when it was committed
 * @param publisher the principal that published it
 * @param position its position in the log of the tenant; later ones are greater
 * @param redacted whether parts of data, labels or owner were hidden from this subscriber
 * @param withheld whether data, labels and owner were left out
 * @param replaced how many earlier events of its key gave way to it
 * @param refs the items that are not any more what they were
 * @param items the items of the refs, when they were asked for; large values are left at links
 * @param cursor where to go on when this event has been handled; of events that came together only
 *     the last one leads past all of them, so that nothing is lost and some come twice
 * @param consistencyToken a fetch that brings it never gets an item of the refs as it was before
 */
public record DeliveredEvent(
        String topic,
        String key,
        String id,
        byte[] data,
        String contentType,
        Map<String, String> labels,
        String owner,
        Sensitivity sensitivity,
        Instant time,
        Instant publishTime,
        String publisher,
        long position,
        boolean redacted,
        boolean withheld,
        int replaced,
        List<ContextRef> refs,
        List<Outcome> items,
        String cursor,
        String consistencyToken) {

    /** The data as text. */
    public String text() {
        return new String(data, StandardCharsets.UTF_8);
    }

    /**
     * The data as JSON.
     *
     * @throws com.google.gson.JsonParseException when it is none, or there is no data
     */
    public JsonElement json() {
        return Json.read(data);
    }

    static DeliveredEvent read(dev.weir.events.v1.DeliveredEvent wire, String cursor) {
        dev.weir.events.v1.Event event = wire.getEvent();
        Instant committed = Wire.instant(wire.getPublishTime());
        List<ContextRef> refs = event.getRefsList().stream().map(ContextRef::read).toList();
        return new DeliveredEvent(
                event.getTopic(),
                event.getKey(),
                event.getId(),
                event.getData().toByteArray(),
                event.getContentType().isEmpty() ? Payload.JSON : event.getContentType(),
                Map.copyOf(event.getLabelsMap()),
                event.getOwner(),
                Wire.sensitivity(event.getSensitivity()).orElse(Sensitivity.INTERNAL),
                event.hasTime() ? Wire.instant(event.getTime()) : committed,
                committed,
                wire.getPublisher(),
                wire.getPosition(),
                wire.getRedacted(),
                wire.getWithheld(),
                wire.getReplaced(),
                refs,
                itemsOf(wire, refs),
                cursor,
                wire.getConsistencyToken());
    }

    private static List<Outcome> itemsOf(
            dev.weir.events.v1.DeliveredEvent wire, List<ContextRef> refs) {
        return wire.getItemsList().stream()
                .filter(result -> result.getIndex() < refs.size())
                .map(
                        result ->
                                Outcomes.read(
                                        refs.get(result.getIndex()), result.getIndex(), result))
                .toList();
    }
}

package dev.weir;

import dev.weir.internal.Wire;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Something that can be fetched.
 *
 * @param ref the ref to fetch it by, with the provider filled in
 * @param title what it is called, for people
 * @param summary a few words of it, or about it
 * @param score how well it matches the query, from 0 to 1; 0 without a query
 * @param updateTime when it last changed, if the provider knows
 * @param contentType the media type of the value; empty when the provider does not say
 * @param sizeBytes the size of the value, if the provider knows
 */
public record ContextEntry(
        ContextRef ref,
        String title,
        String summary,
        double score,
        Optional<Instant> updateTime,
        String contentType,
        OptionalLong sizeBytes) {

    static ContextEntry read(dev.weir.router.v1.ContextEntry wire) {
        return new ContextEntry(
                ContextRef.read(wire.getRef()),
                wire.getTitle(),
                wire.getSummary(),
                wire.getScore(),
                wire.hasUpdateTime()
                        ? Optional.of(Wire.instant(wire.getUpdateTime()))
                        : Optional.empty(),
                wire.getContentType(),
                wire.hasSizeBytes()
                        ? OptionalLong.of(wire.getSizeBytes())
                        : OptionalLong.empty());
    }
}

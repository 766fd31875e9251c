package dev.weir.provider;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/** What may become of a query. A function may also return null: there is no such key. */
public sealed interface ContextAnswer
        permits ContextValue,
                ContextAnswer.NotFound,
                ContextAnswer.NotModified,
                ContextAnswer.Failed {

    /** A value, of which no more is known: JSON of an object, a text, or the bytes of an array. */
    static ContextAnswer of(Object value) {
        return ContextValue.builder(value).build();
    }

    /** A value, or that there is no such key when it is null. */
    static ContextAnswer ofNullable(Object value) {
        return value == null ? notFound() : of(value);
    }

    /** There is no such key. */
    static ContextAnswer notFound() {
        return new NotFound();
    }

    /** The value with the known etag is still the value. */
    static ContextAnswer notModified() {
        return new NotModified(Optional.empty());
    }

    /** The same, and it stays true for so long from now on. */
    static ContextAnswer notModified(Duration ttl) {
        return new NotModified(Optional.of(ttl));
    }

    /** The value cannot be had; for one of many at once. A function for one value throws it. */
    static ContextAnswer failed(ProviderException error) {
        return new Failed(Objects.requireNonNull(error));
    }

    /** There is no such key. */
    record NotFound() implements ContextAnswer {}

    /** The value with the known etag is still the value. */
    record NotModified(Optional<Duration> ttl) implements ContextAnswer {}

    /** The value cannot be had. */
    record Failed(ProviderException error) implements ContextAnswer {}
}

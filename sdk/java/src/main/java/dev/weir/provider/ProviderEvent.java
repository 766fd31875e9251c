package dev.weir.provider;

import java.util.Optional;

/**
 * Something that happened to a served provider.
 *
 * @param kind what kind of thing
 * @param text what happened, for people
 * @param error what caused it; empty when nothing went wrong
 */
public record ProviderEvent(Kind kind, String text, Optional<Throwable> error) {
    /** What may happen to a served provider. */
    public enum Kind {
        /** It is registered for the first time. */
        REGISTERED,
        /** It is registered again, for Weir had forgotten it. */
        REREGISTERED,
        /** It has another manifest. */
        UPDATED,
        /** Somebody deregistered it; it is served again once somebody registers it. */
        DEREGISTERED,
        /** It could not be registered, and is tried again, unless Weir refused for good. */
        REGISTER_FAILED,
        /** Its lease could not be renewed, and is tried again. */
        HEARTBEAT_FAILED,
        /** Its lease is renewed again. */
        HEARTBEAT_RECOVERED,
        /** It answers what is under way, and wants no new calls. */
        DRAINING,
        /** It has stopped. */
        CLOSED,
        /** One of its functions failed; callers learn only that. */
        FUNCTION_FAILED
    }

    static ProviderEvent of(Kind kind, String text) {
        return new ProviderEvent(kind, text, Optional.empty());
    }

    static ProviderEvent of(Kind kind, String text, Throwable error) {
        return new ProviderEvent(kind, text, Optional.of(error));
    }
}

package dev.weir.provider;

import io.grpc.Status;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * Says why a value cannot be had. Its text is shown to callers: no secrets, no addresses.
 *
 * <pre>{@code
 * throw new ProviderException(Status.Code.UNAVAILABLE, "the wiki is in maintenance")
 *         .retryAfter(Duration.ofMinutes(1));
 * }</pre>
 */
public final class ProviderException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Status.Code code;
    private final Duration retryDelay;

    /** Says that asking again will not help. */
    public ProviderException(Status.Code code, String text) {
        this(code, text, null, null);
    }

    /** The same, with what caused it, which never leaves the process. */
    public ProviderException(Status.Code code, String text, Throwable cause) {
        this(code, text, cause, null);
    }

    private ProviderException(
            Status.Code code, String text, Throwable cause, Duration retryDelay) {
        super(Objects.requireNonNull(text), cause);
        this.code = code == Status.Code.OK ? Status.Code.UNKNOWN : code;
        this.retryDelay = retryDelay;
    }

    /** The same, to be asked again after so long. */
    public ProviderException retryAfter(Duration delay) {
        return new ProviderException(code, getMessage(), getCause(), delay);
    }

    /** The gRPC status code. */
    public Status.Code code() {
        return code;
    }

    /** When to ask again. Empty: asking again will not help. */
    public Optional<Duration> retryDelay() {
        return Optional.ofNullable(retryDelay);
    }
}

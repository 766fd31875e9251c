package dev.weir;

import dev.weir.errors.v1.Reason;
import dev.weir.internal.Wire;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Why there is no item for a ref.
 *
 * @param code the gRPC status code that the item would have as a call of its own
 * @param reason the stable reason
 * @param text what is wrong and how to mend it, for people
 * @param retryDelay when the ref may be asked for again; empty: asking again will not help
 * @param offeredVersions the versions on offer, newest first; with {@code VERSION_NOT_OFFERED}
 */
public record Refusal(
        Status.Code code,
        Reason reason,
        String text,
        Optional<Duration> retryDelay,
        List<String> offeredVersions) {

    static Refusal of(Status.Code code, Reason reason, String text) {
        return new Refusal(code, reason, text, Optional.empty(), List.of());
    }

    static Refusal of(WeirException error) {
        return new Refusal(
                error.code(), error.reason(), error.text(), error.retryDelay(), List.of());
    }

    static Refusal read(dev.weir.context.v1.Refusal wire) {
        return new Refusal(
                Wire.code(wire.getCode()),
                wire.getReason(),
                wire.getText(),
                wire.hasRetryDelay()
                        ? Optional.of(Wire.duration(wire.getRetryDelay()))
                        : Optional.empty(),
                List.copyOf(wire.getOfferedVersionsList()));
    }

    /** The name of the reason, such as {@code KEY_NOT_FOUND}. */
    public String reasonName() {
        return WeirException.nameOf(reason);
    }
}

package dev.weir.provider;

import io.grpc.Context;
import io.grpc.Deadline;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Whether an answer is still wanted. The thread that a function runs in is interrupted when it is
 * not, and calls of gRPC that it makes are cancelled; who waits otherwise asks here.
 */
public final class Cancellation {
    private final Context context;

    Cancellation(Context context) {
        this.context = context;
    }

    /** Whether the deadline has passed, or nobody wants the answer any more. */
    public boolean isCancelled() {
        return context.isCancelled();
    }

    /** The time until the deadline. Empty: there is none. */
    public Optional<Duration> timeLeft() {
        return Optional.ofNullable(context.getDeadline())
                .map((Deadline each) -> each.timeRemaining(TimeUnit.NANOSECONDS))
                .map(Duration::ofNanos);
    }

    /** Calls back, once, when the answer is not wanted any more; at once when it is not. */
    public void onCancel(Runnable callback) {
        context.addListener(ignored -> callback.run(), Runnable::run);
    }
}

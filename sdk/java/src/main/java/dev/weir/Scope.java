package dev.weir;

import io.grpc.Context;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;

/**
 * The life of one call of the user: all calls of Weir that it takes end with it. It ends with the
 * context of the caller, too.
 */
final class Scope implements AutoCloseable {
    private final Context.CancellableContext context = Context.current().withCancellation();
    private final Duration timeout;
    private final long deadlineNanos;

    Scope(Duration timeout) {
        this.timeout = timeout;
        this.deadlineNanos = System.nanoTime() + timeout.toNanos();
    }

    Context context() {
        return context;
    }

    /** What is left of its time; at least a millisecond. */
    Duration left() {
        return Duration.ofNanos(Math.max(1_000_000, deadlineNanos - System.nanoTime()));
    }

    /** Whether a wait ends before its time does. */
    boolean hasTimeFor(Duration wait) {
        return System.nanoTime() + wait.toNanos() - deadlineNanos < 0;
    }

    boolean isCancelled() {
        return context.isCancelled();
    }

    WeirException late() {
        return WeirException.late(timeout);
    }

    /** Why it was cancelled. */
    WeirException ended() {
        Throwable cause = WeirException.unwrap(context.cancellationCause());
        if (cause instanceof WeirException known) return known;
        return cause instanceof TimeoutException ? late() : WeirException.cancelled(cause);
    }

    void cancel() {
        context.cancel(null);
    }

    void cancel(Throwable cause) {
        context.cancel(cause);
    }

    /** Calls back when it is cancelled. */
    void onCancel(Runnable callback) {
        context.addListener(ignored -> callback.run(), Runnable::run);
    }

    @Override
    public void close() {
        context.cancel(null);
    }

    /** What the user gets: cancelling it cancels what is under way. It ends the scope. */
    <T> CompletableFuture<T> future(CompletableFuture<T> inner) {
        CompletableFuture<T> outer =
                new CompletableFuture<>() {
                    @Override
                    public boolean cancel(boolean mayInterruptIfRunning) {
                        boolean isCancelled = super.cancel(mayInterruptIfRunning);
                        Scope.this.cancel();
                        return isCancelled;
                    }
                };
        inner.whenComplete(
                (value, error) -> {
                    if (error == null) outer.complete(value);
                    else outer.completeExceptionally(WeirException.unwrap(error));
                    close();
                });
        onCancel(() -> outer.completeExceptionally(ended()));
        return outer;
    }
}

package dev.weir.provider;

import io.grpc.Context;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.function.BiConsumer;

/** Runs an author's functions, and ends them when nobody waits for them any more. */
final class Work {
    private Work() {}

    /**
     * Runs a function that waits, in a thread of the workers.
     *
     * @param done told of the result or the error, once; not when it was cancelled before it began
     */
    static <T> void run(
            Context context,
            Executor workers,
            Callable<T> function,
            BiConsumer<T, Throwable> done) {
        FutureTask<Void> task =
                new FutureTask<>(
                        context.wrap(
                                () -> {
                                    T result = null;
                                    Throwable failure = null;
                                    try {
                                        result = function.call();
                                    } catch (Throwable error) {
                                        failure = error;
                                    }
                                    done.accept(result, failure);
                                    return null;
                                }));
        context.addListener(ignored -> task.cancel(true), Runnable::run);
        workers.execute(task);
    }

    /** Begins a function that does not wait. */
    static <T> void runAsync(
            Context context,
            Callable<? extends CompletionStage<? extends T>> function,
            BiConsumer<T, Throwable> done) {
        try {
            CompletableFuture<? extends T> future =
                    context.call(function::call).toCompletableFuture();
            context.addListener(ignored -> future.cancel(true), Runnable::run);
            future.whenComplete((result, error) -> done.accept(result, unwrap(error)));
        } catch (Exception error) {
            done.accept(null, error);
        }
    }

    private static Throwable unwrap(Throwable error) {
        boolean isWrapped = error instanceof CompletionException && error.getCause() != null;
        return isWrapped ? error.getCause() : error;
    }
}

package dev.weir;

import dev.weir.internal.Backoff;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** Makes calls: safe ones are tried again within their time, and all fail as WeirException. */
final class Calls {
    static final Backoff BACKOFF = new Backoff(50, 2_000);

    private final Addresses addresses;
    private final int retries;
    private final RetryBudget budget = new RetryBudget();

    Calls(Addresses addresses, int retries) {
        this.addresses = addresses;
        this.retries = retries;
    }

    int retries() {
        return retries;
    }

    /** Makes a call that may be made again, for doing it twice is doing it once. */
    <Q, R> CompletableFuture<R> safe(MethodDescriptor<Q, R> method, Q request, Scope scope) {
        CompletableFuture<R> result = new CompletableFuture<>();
        attempt(method, request, scope, new Attempt<>(result, 0));
        return result;
    }

    private record Attempt<R>(CompletableFuture<R> result, int number) {
        Attempt<R> next() {
            return new Attempt<>(result, number + 1);
        }
    }

    private <Q, R> void attempt(
            MethodDescriptor<Q, R> method, Q request, Scope scope, Attempt<R> attempt) {
        once(method, request, scope)
                .whenComplete(
                        (answer, error) -> {
                            if (error == null) {
                                budget.succeeded();
                                attempt.result.complete(answer);
                                return;
                            }
                            WeirException failure = WeirException.from(error);
                            Duration least = failure.retryDelay().orElse(Duration.ZERO);
                            Duration wait = Backoff.longer(BACKOFF.before(attempt.number), least);
                            boolean again =
                                    attempt.number < retries
                                            && isPassing(failure)
                                            && scope.hasTimeFor(wait)
                                            && !scope.isCancelled()
                                            && budget.allows();
                            if (!again) {
                                attempt.result.completeExceptionally(failure);
                                return;
                            }
                            Timers.later(
                                    wait,
                                    () -> attempt(method, request, scope, attempt.next()));
                        });
    }

    private <Q, R> CompletableFuture<R> once(
            MethodDescriptor<Q, R> method, Q request, Scope scope) {
        CompletableFuture<R> answer = new CompletableFuture<>();
        ClientCalls.asyncUnaryCall(
                begin(method, scope),
                request,
                new StreamObserver<R>() {
                    @Override
                    public void onNext(R message) {
                        answer.complete(message);
                    }

                    @Override
                    public void onError(Throwable error) {
                        answer.completeExceptionally(WeirException.from(error));
                    }

                    @Override
                    public void onCompleted() {}
                });
        return answer;
    }

    /** Begins a call that ends with the scope, and with its time. */
    <Q, R> ClientCall<Q, R> begin(MethodDescriptor<Q, R> method, Scope scope) {
        CallOptions options =
                CallOptions.DEFAULT.withDeadlineAfter(
                        scope.left().toNanos(), TimeUnit.NANOSECONDS);
        Context before = scope.context().attach();
        try {
            return begin(method, options);
        } finally {
            scope.context().detach(before);
        }
    }

    /** Begins a call that ends with the context of the moment. */
    <Q, R> ClientCall<Q, R> begin(MethodDescriptor<Q, R> method, CallOptions options) {
        return addresses.newCall(method, options);
    }

    static boolean isPassing(WeirException failure) {
        if (failure.code() == Status.Code.UNAVAILABLE) return true;
        return failure.code() == Status.Code.RESOURCE_EXHAUSTED
                && failure.retryDelay().isPresent();
    }

    /** Waits for a future in the user's thread. An interrupt cancels it. */
    static <T> T await(CompletableFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException error) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw WeirException.cancelled(error);
        } catch (CancellationException error) {
            throw WeirException.cancelled(error);
        } catch (ExecutionException error) {
            if (error.getCause() instanceof RuntimeException known) throw known;
            if (error.getCause() instanceof Error fatal) throw fatal;
            throw WeirException.from(error.getCause());
        }
    }
}

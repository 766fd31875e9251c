package dev.weir;

import dev.weir.context.v1.ItemResult;
import dev.weir.errors.v1.Reason;
import dev.weir.internal.Backoff;
import dev.weir.router.v1.RouterServiceGrpc;
import dev.weir.router.v1.StreamContextRequest;
import dev.weir.router.v1.StreamContextResponse;
import io.grpc.ClientCall;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientResponseObserver;
import java.time.Duration;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Streams any number of refs; each outcome comes as soon as it is there. When a stream breaks off,
 * what is still open is asked for again: of another router, when the one that was asked stops. So
 * is what it had no room for, once there is some.
 */
final class Streaming implements Iterator<Outcome>, AutoCloseable {
    /** How many values may wait to be taken, of each call. */
    private static final int MAX_WAITING = 4;

    private final Calls calls;
    private final Links links;
    private final FetchOptions options;
    private final double minQuality;
    private final Scope scope;
    /** Outcomes, and errors that end it. Bounded by what the calls may have waiting. */
    private final BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();

    private int left;
    private Outcome next;
    private volatile boolean isClosed;

    private record Taken(Outcome outcome, Runnable takeMore) {}

    Streaming(
            Calls calls, Links links, FetchOptions options, double minQuality, Scope scope) {
        this.calls = calls;
        this.links = links;
        this.options = options;
        this.minQuality = minQuality;
        this.scope = scope;
    }

    Streaming start(List<ContextRef> refs) {
        left = refs.size();
        for (List<Wanted> batch : Wanted.inBatches(refs)) new Batch(batch).ask();
        scope.onCancel(() -> arrived.add(scope.ended()));
        return this;
    }

    @Override
    public boolean hasNext() {
        if (next != null) return true;
        if (left == 0 || isClosed) {
            close();
            return false;
        }
        next = take();
        left -= 1;
        return true;
    }

    @Override
    public Outcome next() {
        if (!hasNext()) throw new NoSuchElementException();
        Outcome taken = next;
        next = null;
        return taken;
    }

    @Override
    public void close() {
        isClosed = true;
        scope.close();
    }

    private Outcome take() {
        try {
            Object first = arrived.take();
            if (first instanceof Taken taken) {
                taken.takeMore.run();
                return taken.outcome;
            }
            close();
            throw (WeirException) first;
        } catch (InterruptedException error) {
            close();
            Thread.currentThread().interrupt();
            throw WeirException.cancelled(error);
        }
    }

    /** One batch of refs, over all calls that it takes. */
    private final class Batch {
        /** What is still open, by its position in the call under way. */
        private Map<Integer, Wanted> open = new LinkedHashMap<>();

        /** What the router had no room for. */
        private final Map<Wanted, Outcome> crowded = new HashMap<>();
        private int asked;
        private int attempt;

        Batch(List<Wanted> wanted) {
            number(wanted);
        }

        private void number(Iterable<Wanted> wanted) {
            Map<Integer, Wanted> numbered = new LinkedHashMap<>();
            for (Wanted each : wanted) numbered.put(numbered.size(), each);
            open = numbered;
            asked = numbered.size();
        }

        void ask() {
            List<Wanted> wanted = List.copyOf(open.values());
            StreamContextRequest request =
                    StreamContextRequest.newBuilder()
                            .setFetch(options.request(wanted, minQuality))
                            .build();
            ClientCall<StreamContextRequest, StreamContextResponse> call =
                    calls.begin(RouterServiceGrpc.getStreamContextMethod(), scope);
            ClientCalls.asyncServerStreamingCall(call, request, new Answers());
        }

        private void ended(WeirException failure) {
            if (failure == null && crowded.isEmpty()) {
                giveUp();
                return;
            }
            Optional<Duration> wait = failure == null ? waitForRoom() : waitAfter(failure);
            if (wait.isPresent() && scope.hasTimeFor(wait.get())) {
                crowded.clear();
                attempt += 1;
                number(List.copyOf(open.values()));
                Timers.later(wait.get(), this::ask);
            } else if (failure != null) {
                arrived.add(failure);
            } else {
                giveUp();
            }
        }

        /** What has no outcome yet is not waited for any more. */
        private void giveUp() {
            for (Wanted each : open.values()) {
                Outcome outcome = crowded.getOrDefault(each, none(each));
                arrived.add(new Taken(outcome, () -> {}));
            }
        }

        /** Where some were served there is room for others; where none was, not for ever. */
        private Optional<Duration> waitForRoom() {
            boolean isHopeful = open.size() < asked || attempt < calls.retries();
            if (!isHopeful) return Optional.empty();
            Duration longest = Duration.ZERO;
            for (Outcome each : crowded.values()) {
                Refusal refusal = ((Outcome.Refused) each).refusal();
                longest = Backoff.longer(longest, refusal.retryDelay().orElse(Duration.ZERO));
            }
            return Optional.of(longest);
        }

        private Optional<Duration> waitAfter(WeirException failure) {
            boolean passes = failure.code() == Status.Code.UNAVAILABLE;
            if (!passes || attempt >= calls.retries() || scope.isCancelled()) {
                return Optional.empty();
            }
            Duration least = failure.retryDelay().orElse(Duration.ZERO);
            return Optional.of(Backoff.longer(Calls.BACKOFF.before(attempt), least));
        }

        /** What comes of one call. */
        private final class Answers
                implements ClientResponseObserver<StreamContextRequest, StreamContextResponse> {
            private ClientCallStreamObserver<StreamContextRequest> call;

            @Override
            public void beforeStart(ClientCallStreamObserver<StreamContextRequest> given) {
                call = given;
                given.disableAutoRequestWithInitial(MAX_WAITING);
            }

            @Override
            public void onNext(StreamContextResponse response) {
                int position = response.getResult().getIndex();
                Wanted wanted = open.get(position);
                if (wanted == null) {
                    call.request(1);
                    return;
                }
                Outcome outcome =
                        Outcomes.read(wanted.ref(), wanted.index(), response.getResult());
                if (isCrowded(outcome)) {
                    crowded.put(wanted, outcome);
                    call.request(1);
                    return;
                }
                open.remove(position);
                links.follow(outcome, options, scope)
                        .thenAccept(
                                whole ->
                                        arrived.add(new Taken(whole, () -> call.request(1))));
            }

            @Override
            public void onError(Throwable error) {
                ended(WeirException.from(error));
            }

            @Override
            public void onCompleted() {
                ended(null);
            }
        }
    }

    /** Whether the router had no room for the item then. */
    private static boolean isCrowded(Outcome outcome) {
        if (!(outcome instanceof Outcome.Refused refused)) return false;
        Reason reason = refused.refusal().reason();
        return reason == Reason.REASON_RESPONSE_BUDGET || reason == Reason.REASON_OVERLOADED;
    }

    private static Outcome none(Wanted wanted) {
        return Outcomes.read(wanted.ref(), wanted.index(), ItemResult.getDefaultInstance());
    }
}

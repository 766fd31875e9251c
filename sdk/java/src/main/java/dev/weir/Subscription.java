package dev.weir;

import dev.weir.errors.v1.Reason;
import dev.weir.events.v1.EventServiceGrpc;
import dev.weir.events.v1.SubscribeRequest;
import dev.weir.events.v1.SubscribeResponse;
import dev.weir.internal.Backoff;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Events as they come. It goes on by itself from where it was when Weir stops, cannot be reached,
 * says nothing for 25 s or cut it off for being slow; until it is closed, or the thread that waits
 * is interrupted. To be read by one thread; any may close it.
 */
public final class Subscription
        implements Iterator<DeliveredEvent>, Iterable<DeliveredEvent>, AutoCloseable {
    /** Weir sends something every 10 s. */
    private static final Duration SILENCE = Duration.ofSeconds(25);

    private static final Duration FOR_EVER = Duration.ofDays(24 * 365);
    private static final Backoff BACKOFF = new Backoff(50, 2_000);

    private final Calls calls;
    private final SubscribeOptions options;
    private final SubscribeRequest request;
    private final Duration silence;
    private final Scope scope = new Scope(FOR_EVER);
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Queue<DeliveredEvent> ready = new ArrayDeque<>();

    private Connection connection;
    private String cursor;
    private String untold = "";
    private long position;
    private int attempt;

    Subscription(Calls calls, List<String> topics, SubscribeOptions options) {
        this(calls, topics, options, SILENCE);
    }

    Subscription(
            Calls calls, List<String> topics, SubscribeOptions options, Duration silence) {
        this.calls = calls;
        this.options = options;
        this.request = options.request().addAllTopics(topics).build();
        this.silence = silence;
        this.cursor = request.getCursor();
    }

    /** Events, for ever: it can be iterated over once. */
    @Override
    public Iterator<DeliveredEvent> iterator() {
        return this;
    }

    /**
     * Waits for the next event.
     *
     * @return false once it was closed
     * @throws WeirException when it is refused; OUT_OF_RANGE: what came after the cursor is not
     *     kept any more; CANCELLED: the thread was interrupted
     */
    @Override
    public boolean hasNext() {
        while (ready.isEmpty() && closed.getCount() > 0) {
            tellCursor();
            try {
                receive();
            } catch (WeirException error) {
                takeUpAgain(error);
            }
        }
        return closed.getCount() > 0;
    }

    @Override
    public DeliveredEvent next() {
        if (!hasNext()) throw new NoSuchElementException();
        return ready.remove();
    }

    /** Leaves. Who waits for an event is told that there is none. */
    @Override
    public void close() {
        closed.countDown();
        scope.close();
    }

    /** All that came up to the cursor was handled, for more is wanted. */
    private void tellCursor() {
        if (untold.isEmpty()) return;
        String told = untold;
        untold = "";
        options.onCursor.accept(told);
    }

    private void receive() {
        if (connection == null) connection = new Connection();
        SubscribeResponse message = connection.next();
        attempt = 0;
        List<dev.weir.events.v1.DeliveredEvent> fresh =
                message.getEventsList().stream()
                        .filter(each -> Long.compareUnsigned(each.getPosition(), position) > 0)
                        .toList();
        for (int index = 0; index < fresh.size(); index++) {
            boolean isLast = index == fresh.size() - 1;
            position = fresh.get(index).getPosition();
            String after = isLast ? message.getCursor() : cursor;
            ready.add(DeliveredEvent.read(fresh.get(index), after));
        }
        cursor = message.getCursor();
        untold = cursor;
    }

    private void takeUpAgain(WeirException error) {
        connection = null;
        if (closed.getCount() == 0) return;
        if (Thread.currentThread().isInterrupted()) {
            close();
            throw WeirException.cancelled(error);
        }
        if (!isPassing(error) || scope.isCancelled()) {
            close();
            throw error;
        }
        options.onBreak.accept(error);
        Duration least = error.retryDelay().orElse(Duration.ZERO);
        Duration wait = Backoff.longer(BACKOFF.before(attempt++), least);
        try {
            closed.await(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException interrupted) {
            close();
            Thread.currentThread().interrupt();
            throw WeirException.cancelled(interrupted);
        }
    }

    /** Whether it is over when one comes back. */
    private static boolean isPassing(WeirException error) {
        return error.code() == Status.Code.UNAVAILABLE
                || error.reason() == Reason.REASON_SUBSCRIBER_SLOW
                || error.reason() == Reason.REASON_RATE_EXCEEDED;
    }

    /** One call; when it ends, or falls silent, it is UNAVAILABLE. */
    private final class Connection {
        private final Context.CancellableContext context = scope.context().withCancellation();
        private final Iterator<SubscribeResponse> messages;
        private volatile boolean isWaiting;
        private volatile long silenceSince;

        Connection() {
            SubscribeRequest asked = request.toBuilder().setCursor(cursor).build();
            Context before = context.attach();
            try {
                ClientCall<SubscribeRequest, SubscribeResponse> call =
                        calls.begin(EventServiceGrpc.getSubscribeMethod(), CallOptions.DEFAULT);
                messages = ClientCalls.blockingServerStreamingCall(call, asked);
            } finally {
                context.detach(before);
            }
            Timers.later(silence, this::look);
        }

        SubscribeResponse next() {
            silenceSince = System.nanoTime();
            isWaiting = true;
            try {
                if (messages.hasNext()) return messages.next();
                throw Status.UNAVAILABLE
                        .withDescription("the subscription ended")
                        .asRuntimeException();
            } catch (RuntimeException error) {
                context.cancel(null);
                throw WeirException.from(error);
            } finally {
                isWaiting = false;
            }
        }

        /** Ends the call once a silence has lasted too long. It has one timer for all of them. */
        private void look() {
            if (context.isCancelled()) return;
            long lasted = isWaiting ? System.nanoTime() - silenceSince : 0;
            long left = silence.toNanos() - lasted;
            if (left > 0) {
                Timers.later(Duration.ofNanos(left), this::look);
                return;
            }
            String text = "nothing came for " + silence.toMillis() + " ms";
            // The transport is told why, so that it goes to another address.
            context.cancel(Status.UNAVAILABLE.withDescription(text).asException());
        }
    }
}

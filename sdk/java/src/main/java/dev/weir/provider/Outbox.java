package dev.weir.provider;

import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.function.Function;

/**
 * Sends to a router what many threads bring, as fast as the router takes it. What is there when a
 * message is made shares it.
 */
final class Outbox<E, M> {
    private final ServerCallStreamObserver<M> router;
    private final Function<Deque<E>, M> pack;
    private final Executor sender;
    private final Runnable onSent;
    private final Deque<E> waiting = new ArrayDeque<>();
    private boolean isSending;
    private boolean isEnding;
    private boolean isEnded;

    /**
     * Makes it within the call's handler, which is when its callbacks can be set.
     *
     * @param pack takes what fits from what waits, and makes a message of it
     * @param onSent told when a message has left
     */
    Outbox(
            ServerCallStreamObserver<M> router,
            Function<Deque<E>, M> pack,
            Executor sender,
            Runnable onSent) {
        this.router = router;
        this.pack = pack;
        this.sender = sender;
        this.onSent = onSent;
        router.setOnReadyHandler(this::send);
    }

    synchronized void put(E entry) {
        waiting.add(entry);
        send();
    }

    /** Ends the call once all that waits has left. */
    synchronized void end() {
        isEnding = true;
        send();
    }

    private synchronized void send() {
        if (isSending || isOver()) return;
        boolean hasWork = waiting.isEmpty() ? isEnding : router.isReady();
        if (!hasWork) return;
        isSending = true;
        sender.execute(this::sendAll);
    }

    private void sendAll() {
        while (sendNext()) onSent.run();
    }

    private synchronized boolean sendNext() {
        if (isOver()) waiting.clear();
        if (!isOver() && !waiting.isEmpty() && router.isReady()) {
            M message = pack.apply(waiting);
            try {
                router.onNext(message);
                return true;
            } catch (StatusRuntimeException error) {
                // The router has left meanwhile: nobody wants the rest.
                isEnded = true;
            }
        }
        isSending = false;
        if (!isOver() && waiting.isEmpty() && isEnding) {
            isEnded = true;
            router.onCompleted();
        }
        return false;
    }

    private boolean isOver() {
        return isEnded || router.isCancelled();
    }
}

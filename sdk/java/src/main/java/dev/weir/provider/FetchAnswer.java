package dev.weir.provider;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.weir.provider.v1.FetchQuery;
import dev.weir.provider.v1.FetchRequest;
import dev.weir.provider.v1.FetchResponse;
import dev.weir.provider.v1.FetchResult;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Executor;

/**
 * Answers a batch: runs its queries side by side and sends what is ready without waiting for the
 * rest. Large values go in parts, as fast as the router takes them. An error of one query is that
 * query's alone.
 */
final class FetchAnswer {
    /** No further query is begun while so much waits to be sent to a slow router. */
    private static final long UNSENT_MAX_BYTES = 4L * Encoding.MESSAGE_MAX_BYTES;

    private final Provider provider;
    private final Executor workers;
    private final OnFault onFault;
    private final Context context = Context.current();
    private final Cancellation cancellation = new Cancellation(context);
    private final Outbox<Ready, FetchResponse> outbox;
    private final Queue<Runnable> tasks = new ArrayDeque<>();
    private int running;
    private long unsentBytes;

    private record Ready(FetchResult result, int bytes) {}

    private record Job(int index, ContextQuery query) {}

    FetchAnswer(
            Provider provider,
            Executors executors,
            OnFault onFault,
            ServerCallStreamObserver<FetchResponse> router) {
        this.provider = provider;
        this.workers = executors.workers();
        this.onFault = onFault;
        this.outbox = new Outbox<>(router, this::pack, executors.senders(), this::sent);
        // With a handler, what is sent to who has left is dropped, and no exception.
        router.setOnCancelHandler(() -> {});
        context.addListener(ignored -> wake(), Runnable::run);
    }

    void answer(FetchRequest request) {
        if (request.getQueriesCount() == 0) {
            outbox.end();
            return;
        }
        tasks.addAll(tasksOf(request));
        pump();
    }

    /** One task per query, or per context where the author fetches many at once. */
    private List<Runnable> tasksOf(FetchRequest request) {
        Caller caller = Caller.read(request.getCaller());
        List<Runnable> found = new ArrayList<>();
        Map<ContextSource, List<Job>> together = new LinkedHashMap<>();
        for (int at = 0; at < request.getQueriesCount(); at++) {
            FetchQuery wire = request.getQueries(at);
            Job job =
                    new Job(
                            at,
                            new ContextQuery(
                                    wire.getKey(), wire.getKnownEtag(), caller, cancellation));
            Optional<ContextSource> source =
                    provider.context(wire.getType(), wire.getTypeVersion());
            if (source.isEmpty()) {
                found.add(() -> notOffered(job, wire));
            } else if (!wire.getKey().startsWith(source.get().keyPrefix)) {
                found.add(() -> finish(job, source.get(), null, null));
            } else if (source.get().fetchMany == null) {
                found.add(() -> fetchOne(source.get(), job));
            } else {
                together.computeIfAbsent(source.get(), each -> new ArrayList<>()).add(job);
            }
        }
        together.forEach((source, jobs) -> found.add(() -> fetchTogether(source, jobs)));
        return found;
    }

    private void notOffered(Job job, FetchQuery wire) {
        String what = wire.getType() + "@" + wire.getTypeVersion();
        String text = "this provider does not offer " + what;
        send(job.index, Encoding.error(new ProviderException(Status.Code.UNIMPLEMENTED, text)));
        ended();
    }

    private void fetchOne(ContextSource source, Job job) {
        if (source.fetchAsync != null) {
            Work.<ContextAnswer>runAsync(
                    context,
                    () -> source.fetchAsync.fetch(job.query),
                    (answer, error) -> finishAsync(job, source, answer, error));
        } else {
            Work.<ContextAnswer>run(
                    context,
                    workers,
                    () -> source.fetch.fetch(job.query),
                    (answer, error) -> finish(job, source, answer, error));
        }
    }

    private void finish(Job job, ContextSource source, ContextAnswer answer, Throwable error) {
        sendOne(job, source, answer, error);
        ended();
    }

    /** A stream is read by a worker: whoever made the future must not wait for the router. */
    private void finishAsync(
            Job job, ContextSource source, ContextAnswer answer, Throwable error) {
        if (answer instanceof ContextValue value && value.isStream()) {
            Work.<ContextAnswer>run(
                    context,
                    workers,
                    () -> answer,
                    (same, failure) -> finish(job, source, same, failure));
        } else {
            finish(job, source, answer, error);
        }
    }

    private void fetchTogether(ContextSource source, List<Job> jobs) {
        List<ContextQuery> queries = jobs.stream().map(Job::query).toList();
        Work.run(
                context,
                workers,
                () -> checked(source.fetchMany.fetch(queries), queries.size()),
                (answers, error) -> {
                    for (int at = 0; at < jobs.size(); at++) {
                        ContextAnswer answer = answers == null ? null : answers.get(at);
                        sendOne(jobs.get(at), source, answer, error);
                    }
                    ended();
                });
    }

    private static List<? extends ContextAnswer> checked(
            List<? extends ContextAnswer> answers, int queries) {
        if (answers != null && answers.size() == queries) return answers;
        String count = answers == null ? "null" : answers.size() + " answers";
        throw new IllegalStateException(
                "fetchMany returned " + count + " to " + queries + " queries: return one for "
                        + "each, in their order");
    }

    private void sendOne(Job job, ContextSource source, ContextAnswer answer, Throwable error) {
        Throwable failure = error;
        if (failure == null) {
            try {
                sendAnswer(job, answer);
                return;
            } catch (Exception fault) {
                failure = fault;
            }
        }
        if (context.isCancelled()) return;
        send(job.index, Encoding.error(failure));
        if (!(failure instanceof ProviderException)) {
            onFault.tell(source.type + "/" + job.query.key(), failure);
        }
    }

    private void sendAnswer(Job job, ContextAnswer answer) throws Exception {
        Encoded encoded = Encoding.answer(answer, job.query.knownEtag());
        if (encoded.stream() != null) {
            long size = encoded.result().getContent().getTotalBytes();
            sendStream(job, encoded, size);
            return;
        }
        send(job.index, encoded);
        byte[] rest = encoded.rest();
        if (rest == null) return;
        for (int from = 0; from < rest.length; from += Encoding.PART_BYTES) {
            int length = Math.min(Encoding.PART_BYTES, rest.length - from);
            ByteString part = UnsafeByteOperations.unsafeWrap(rest, from, length);
            send(job.index, Encoding.part(part));
        }
    }

    /**
     * Reads a stream as fast as the router takes it. Each part waits for the next, so that a
     * stream that fails at its end can still be taken back.
     */
    private void sendStream(Job job, Encoded begun, long size) throws Exception {
        Encoded held = begun;
        long read = 0;
        try (InputStream stream = begun.stream()) {
            for (; ; ) {
                byte[] piece = stream.readNBytes(Encoding.PART_BYTES);
                read += piece.length;
                boolean isOver = piece.length == 0;
                if (read > size || (isOver && read < size)) {
                    String found = isOver ? read + " bytes, not " : "more than ";
                    throw new IOException("the stream holds " + found + size);
                }
                if (isOver) break;
                send(job.index, held);
                held = Encoding.part(UnsafeByteOperations.unsafeWrap(piece));
                awaitRoom();
            }
        }
        send(job.index, held);
    }

    private void send(int index, Encoded encoded) {
        FetchResult result = encoded.result().setIndex(index).build();
        synchronized (this) {
            unsentBytes += encoded.bytes();
        }
        outbox.put(new Ready(result, encoded.bytes()));
    }

    /** Takes what fits into a message. */
    private FetchResponse pack(Deque<Ready> waiting) {
        FetchResponse.Builder message = FetchResponse.newBuilder();
        long bytes = 0;
        while (!waiting.isEmpty()) {
            int more = waiting.peek().bytes;
            if (bytes > 0 && bytes + more > Encoding.MESSAGE_MAX_BYTES) break;
            message.addResults(waiting.remove().result);
            bytes += more;
        }
        synchronized (this) {
            unsentBytes -= bytes;
        }
        return message.build();
    }

    private void sent() {
        wake();
        pump();
    }

    private synchronized void wake() {
        notifyAll();
    }

    private synchronized void awaitRoom() throws InterruptedException {
        while (unsentBytes > UNSENT_MAX_BYTES && !context.isCancelled()) wait();
        if (context.isCancelled()) throw new InterruptedException("nobody wants it any more");
    }

    private void ended() {
        boolean isLast;
        synchronized (this) {
            running -= 1;
            isLast = running == 0 && tasks.isEmpty();
        }
        if (isLast) outbox.end();
        else pump();
    }

    /** Begins as many tasks as may run. */
    private void pump() {
        for (; ; ) {
            Runnable task;
            synchronized (this) {
                boolean mayRun =
                        running < provider.concurrency()
                                && unsentBytes <= UNSENT_MAX_BYTES
                                && !context.isCancelled();
                if (!mayRun || tasks.isEmpty()) return;
                task = tasks.remove();
                running += 1;
            }
            task.run();
        }
    }
}

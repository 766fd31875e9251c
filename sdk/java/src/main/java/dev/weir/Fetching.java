package dev.weir;

import dev.weir.context.v1.ItemResult;
import dev.weir.errors.v1.Reason;
import dev.weir.router.v1.RouterServiceGrpc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Fetches any number of refs; the outcomes are in the order given. */
final class Fetching {
    /** How many calls of one fetch are under way at once. */
    private static final int PARALLEL_CALLS = 4;

    private final Calls calls;
    private final FetchOptions options;
    private final double minQuality;
    private final Scope scope;
    /** Filled as answers come in; each place is written by one call at a time. */
    private final Outcome[] outcomes;

    private final Queue<List<Wanted>> batches;

    Fetching(
            Calls calls,
            List<ContextRef> refs,
            FetchOptions options,
            double minQuality,
            Scope scope) {
        this.calls = calls;
        this.options = options;
        this.minQuality = minQuality;
        this.scope = scope;
        this.outcomes = new Outcome[refs.size()];
        this.batches = new ConcurrentLinkedQueue<>(Wanted.inBatches(refs));
    }

    CompletableFuture<List<Outcome>> run() {
        CompletableFuture<?>[] work =
                new CompletableFuture<?>[Math.min(PARALLEL_CALLS, batches.size())];
        Arrays.setAll(work, ignored -> fetchNext());
        for (CompletableFuture<?> each : work) {
            each.whenComplete((done, error) -> { if (error != null) scope.cancel(error); });
        }
        return CompletableFuture.allOf(work).thenApply(done -> Arrays.asList(outcomes));
    }

    private CompletableFuture<Void> fetchNext() {
        List<Wanted> batch = batches.poll();
        if (batch == null) return CompletableFuture.completedFuture(null);
        return ask(batch)
                .thenCompose(
                        pending -> askPending(pending, nextSize(batch.size(), pending.size())))
                .thenCompose(done -> fetchNext());
    }

    /**
     * What does not fit into the response budget is asked for again in batches of a size that
     * fits; an item that does not fit alone stays refused.
     */
    private CompletableFuture<Void> askPending(List<Wanted> pending, int size) {
        if (pending.isEmpty()) return CompletableFuture.completedFuture(null);
        List<Wanted> part = pending.subList(0, Math.min(size, pending.size()));
        List<Wanted> rest = pending.subList(part.size(), pending.size());
        return ask(part)
                .handle(
                        (refused, error) -> {
                            if (error == null) return refused;
                            if (scope.isCancelled()) throw new CompletionException(error);
                            return null;
                        })
                .thenCompose(
                        refused -> {
                            // The call failed: what has come is kept, and the rest stays refused.
                            if (refused == null) return CompletableFuture.completedFuture(null);
                            List<Wanted> next = new ArrayList<>();
                            if (part.size() > 1) next.addAll(refused);
                            next.addAll(rest);
                            return askPending(next, nextSize(part.size(), refused.size()));
                        });
    }

    private static int nextSize(int asked, int refused) {
        if (refused == 0) return Math.min(Wanted.MAX_BATCH, asked * 2);
        return refused < asked ? asked - refused : Math.max(1, asked / 2);
    }

    /** Makes one call, keeps its outcomes, and returns what was over the response budget. */
    private CompletableFuture<List<Wanted>> ask(List<Wanted> batch) {
        return calls.safe(
                        RouterServiceGrpc.getFetchContextMethod(),
                        options.request(batch, minQuality),
                        scope)
                .thenApply(answer -> keep(batch, answer.getResultsList()));
    }

    private List<Wanted> keep(List<Wanted> batch, List<ItemResult> results) {
        Map<Integer, ItemResult> byPosition = new HashMap<>();
        for (ItemResult result : results) byPosition.put(result.getIndex(), result);
        List<Wanted> crowded = new ArrayList<>();
        for (int position = 0; position < batch.size(); position++) {
            Wanted wanted = batch.get(position);
            ItemResult result =
                    byPosition.getOrDefault(position, ItemResult.getDefaultInstance());
            Outcome outcome = Outcomes.read(wanted.ref(), wanted.index(), result);
            outcomes[wanted.index()] = outcome;
            if (isOverBudget(outcome)) crowded.add(wanted);
        }
        return crowded;
    }

    private static boolean isOverBudget(Outcome outcome) {
        return outcome instanceof Outcome.Refused refused
                && refused.refusal().reason() == Reason.REASON_RESPONSE_BUDGET;
    }
}

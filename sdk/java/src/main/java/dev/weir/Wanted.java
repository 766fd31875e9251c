package dev.weir;

import java.util.ArrayList;
import java.util.List;

/** A ref and its position among those asked for. */
record Wanted(ContextRef ref, int index) {
    /** The most refs that a call may carry. */
    static final int MAX_BATCH = 256;

    /** Cuts refs into batches of a size that a call may carry. */
    static List<List<Wanted>> inBatches(List<ContextRef> refs) {
        List<List<Wanted>> batches = new ArrayList<>();
        for (int from = 0; from < refs.size(); from += MAX_BATCH) {
            List<Wanted> batch = new ArrayList<>();
            for (int at = from; at < Math.min(refs.size(), from + MAX_BATCH); at++) {
                batch.add(new Wanted(refs.get(at), at));
            }
            batches.add(batch);
        }
        return batches;
    }
}

package dev.weir;

import java.time.Duration;

/** What became of one ref: an item or a refusal. */
public sealed interface Outcome {
    /** The ref. */
    ContextRef ref();

    /** The position of the ref among those asked for, from 0. */
    int index();

    /** How the router came by the outcome. */
    CacheStatus cache();

    /** How long ago the provider last confirmed the item. Zero: just now. */
    Duration age();

    /**
     * The item.
     *
     * @throws ItemRefusedException when there is none
     */
    ContextItem itemOrThrow();

    /** The outcome of a ref whose item is there. */
    record Arrived(ContextRef ref, int index, CacheStatus cache, Duration age, ContextItem item)
            implements Outcome {
        @Override
        public ContextItem itemOrThrow() {
            return item;
        }
    }

    /** The outcome of a ref whose item could not be had. */
    record Refused(ContextRef ref, int index, CacheStatus cache, Duration age, Refusal refusal)
            implements Outcome {
        @Override
        public ContextItem itemOrThrow() {
            throw new ItemRefusedException(ref, refusal);
        }
    }
}

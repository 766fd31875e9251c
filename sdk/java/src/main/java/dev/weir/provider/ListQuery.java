package dev.weir.provider;

/**
 * What to list.
 *
 * @param keyPrefix only keys that begin with this; empty: all
 * @param text only what matches these words, best first; empty: all, by key
 * @param pageSize the greatest number of entries to return; at least 1
 * @param pageToken where to go on: the token of the page before; empty: at the beginning
 * @param caller for whom
 * @param cancellation whether the answer is still wanted, and until when
 */
public record ListQuery(
        String keyPrefix,
        String text,
        int pageSize,
        String pageToken,
        Caller caller,
        Cancellation cancellation) {}

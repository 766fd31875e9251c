package dev.weir.provider;

/**
 * One value to fetch.
 *
 * @param key the key
 * @param knownEtag the etag of the value that the router holds; empty when it holds none
 * @param caller for whom
 * @param cancellation whether the answer is still wanted, and until when
 */
public record ContextQuery(
        String key, String knownEtag, Caller caller, Cancellation cancellation) {}

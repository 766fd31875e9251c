package dev.weir;

/**
 * Keeps retries from feeding an overload, as gRPC's retry throttling does: each failure takes a
 * token, each success returns a tenth of one, and below half of the tokens nothing is retried.
 */
final class RetryBudget {
    private static final double MAX_TOKENS = 20;

    private double tokens = MAX_TOKENS;

    synchronized void succeeded() {
        tokens = Math.min(MAX_TOKENS, tokens + 0.1);
    }

    synchronized boolean allows() {
        tokens = Math.max(0, tokens - 1);
        return tokens > MAX_TOKENS / 2;
    }
}

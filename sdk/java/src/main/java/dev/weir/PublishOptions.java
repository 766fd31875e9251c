package dev.weir;

import java.time.Duration;
import java.util.UUID;

/** How events are published. */
public final class PublishOptions {
    /** As the client says. */
    public static final PublishOptions DEFAULT = new PublishOptions(null, null);

    private final Duration timeout;
    private final String idempotencyKey;

    private PublishOptions(Duration timeout, String idempotencyKey) {
        this.timeout = timeout;
        this.idempotencyKey = idempotencyKey;
    }

    /** The time of the call, retries included. Default: the client's. */
    public PublishOptions withTimeout(Duration value) {
        return new PublishOptions(Limits.timeout(value), idempotencyKey);
    }

    /**
     * Names the request: sent again within a day, also by another process, it publishes nothing
     * anew. Default: a random one, which the retries of the call share.
     */
    public PublishOptions withIdempotencyKey(String value) {
        return new PublishOptions(timeout, value);
    }

    Duration timeoutOr(Duration other) {
        return timeout == null ? other : timeout;
    }

    String idempotencyKey() {
        return idempotencyKey == null ? UUID.randomUUID().toString() : idempotencyKey;
    }
}

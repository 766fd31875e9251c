package dev.weir.provider;

import dev.weir.provider.v1.FetchResult;
import java.io.InputStream;

/**
 * An outcome on its way to a router.
 *
 * @param result the outcome, with the index of its query still to be set
 * @param bytes what it takes in a message
 * @param rest what is still to be sent of the value, part by part; null: nothing
 * @param stream what is still to be read and sent of the value; null: nothing
 */
record Encoded(FetchResult.Builder result, int bytes, byte[] rest, InputStream stream) {
    Encoded(FetchResult.Builder result, int bytes) {
        this(result, bytes, null, null);
    }
}

package dev.weir;

import com.google.gson.JsonParseException;
import dev.weir.context.v1.ItemResult;
import dev.weir.errors.v1.Reason;
import dev.weir.internal.Wire;
import io.grpc.Status;
import java.time.Duration;

/** Reads outcomes off the wire. */
final class Outcomes {
    private Outcomes() {}

    /**
     * Reads a result off the wire. A payload that is not what its content type says becomes a
     * refusal, so that one bad value spoils no batch.
     */
    static Outcome read(ContextRef ref, int index, ItemResult result) {
        CacheStatus cache = CacheStatus.of(result.getCache());
        Duration age = Wire.duration(result.getAge());
        return switch (result.getOutcomeCase()) {
            case ITEM -> {
                ContextItem item = ContextItem.read(result, age);
                Outcome.Arrived arrived = new Outcome.Arrived(ref, index, cache, age, item);
                if (result.getItem().hasUrl()) yield arrived;
                yield withBytes(arrived, result.getItem().getPayload().toByteArray());
            }
            case REFUSAL ->
                    new Outcome.Refused(ref, index, cache, age, Refusal.read(result.getRefusal()));
            case OUTCOME_NOT_SET -> {
                String text = "the router gave no outcome for this ref";
                Refusal none = Refusal.of(Status.Code.INTERNAL, Reason.REASON_INTERNAL, text);
                yield new Outcome.Refused(ref, index, cache, age, none);
            }
        };
    }

    /** The outcome with a value that was read. */
    static Outcome withBytes(Outcome.Arrived arrived, byte[] bytes) {
        ContextItem item = arrived.item();
        try {
            ContextItem whole = item.withBytes(bytes);
            return new Outcome.Arrived(
                    arrived.ref(), arrived.index(), arrived.cache(), arrived.age(), whole);
        } catch (JsonParseException error) {
            String text = "the payload is not " + item.contentType() + ": " + error.getMessage();
            Reason reason = Reason.REASON_PROVIDER_GARBAGE;
            return refused(arrived, Refusal.of(Status.Code.DATA_LOSS, reason, text));
        }
    }

    /** The outcome with a refusal in place of the item. */
    static Outcome refused(Outcome outcome, Refusal refusal) {
        return new Outcome.Refused(
                outcome.ref(), outcome.index(), outcome.cache(), outcome.age(), refusal);
    }
}

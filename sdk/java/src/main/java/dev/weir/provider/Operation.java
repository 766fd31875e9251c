package dev.weir.provider;

import com.google.protobuf.Struct;
import dev.weir.Sensitivity;
import dev.weir.internal.Wire;
import dev.weir.registry.v1.OperationHints;
import dev.weir.registry.v1.OperationKind;
import dev.weir.registry.v1.OperationOffer;
import java.time.Duration;
import java.util.concurrent.CompletionStage;

/** Something that a provider can do besides give context. */
public final class Operation {
    private static final Duration MIN_TIMEOUT = Duration.ofMillis(1);
    private static final Duration MAX_TIMEOUT = Duration.ofMinutes(10);

    final String name;
    final Function function;
    final AsyncFunction asyncFunction;
    private final OperationOffer offer;

    private Operation(Builder given, OperationOffer offer) {
        this.name = offer.getName();
        this.function = given.function;
        this.asyncFunction = given.asyncFunction;
        this.offer = offer;
    }

    /** Does it. Throw a ProviderException to say why it cannot be done. */
    @FunctionalInterface
    public interface Function {
        /** Returns what has JSON, by Gson, or an {@link OperationResult}. */
        Object call(OperationCall call) throws Exception;
    }

    /** Does it without holding a thread while it waits. */
    @FunctionalInterface
    public interface AsyncFunction {
        /** As {@link Function}; is cancelled when the result is not wanted any more. */
        CompletionStage<?> call(OperationCall call) throws Exception;
    }

    /** Begins with a name, unique in the provider. */
    public static Builder builder(String name) {
        return new Builder(name);
    }

    OperationOffer offer() {
        return offer;
    }

    Sensitivity sensitivity() {
        return Wire.sensitivity(offer.getSensitivity()).orElse(null);
    }

    /** Declares an operation. */
    public static final class Builder {
        private final OperationOffer.Builder offer;
        private final OperationHints.Builder hints = OperationHints.newBuilder();
        private String input;
        private String output;
        private Duration timeout;
        private Duration ttl;
        private Function function;
        private AsyncFunction asyncFunction;

        private Builder(String name) {
            offer =
                    OperationOffer.newBuilder()
                            .setName(name)
                            .setKind(OperationKind.OPERATION_KIND_TOOL);
        }

        /** What people call it. */
        public Builder title(String value) {
            offer.setTitle(value);
            return this;
        }

        /** What it does, for whoever decides whether to call it. */
        public Builder description(String value) {
            offer.setDescription(value);
            return this;
        }

        /** The JSON Schema of the arguments, an object. Default: any object. */
        public Builder input(String json) {
            input = json;
            return this;
        }

        /** The JSON Schema of what it returns. Default: not stated. */
        public Builder output(String json) {
            output = json;
            return this;
        }

        /** It changes nothing. Default: it may. */
        public Builder readOnly() {
            hints.setReadOnly(true);
            return this;
        }

        /** Whether what it changes may be lost. Default: it may. */
        public Builder destructive(boolean value) {
            hints.setDestructive(value);
            return this;
        }

        /** Calling it once more changes nothing more: routers may. Default: it may. */
        public Builder idempotent() {
            hints.setIdempotent(true);
            return this;
        }

        /** Whether it reaches things outside of the provider. Default: it may. */
        public Builder openWorld(boolean value) {
            hints.setOpenWorld(value);
            return this;
        }

        /** The time for one call, up to 10 min. Default: the provider's. */
        public Builder timeout(Duration value) {
            timeout = value;
            return this;
        }

        /** How long a result stays true; only with readOnly. Default: not cached. */
        public Builder ttl(Duration value) {
            ttl = value;
            return this;
        }

        /** Among whom a cached result may be shared. Default: the tenant, or the principal told. */
        public Builder scope(CacheScope value) {
            offer.setScope(value.toWire());
            return this;
        }

        /** How sensitive results are. Default: internal. */
        public Builder sensitivity(Sensitivity value) {
            offer.setSensitivity(Wire.sensitivity(value));
            return this;
        }

        /** Does it, in a thread that is interrupted when nobody waits any more. */
        public Builder call(Function value) {
            function = value;
            return this;
        }

        /** Does it without holding a thread; in place of {@link #call}. */
        public Builder callAsync(AsyncFunction value) {
            asyncFunction = value;
            return this;
        }

        /**
         * The declaration.
         *
         * @throws IllegalArgumentException when it has faults; the message names each
         */
        public Operation build() {
            Faults faults = new Faults("operation " + offer.getName());
            Struct inputSchema = faults.object("input", input);
            Struct outputSchema = faults.object("output", output);
            boolean isReadOnly = hints.getReadOnly();
            faults.operation(offer.getName())
                    .when((function == null) == (asyncFunction == null), "give call or callAsync")
                    .when(ttl != null && !isReadOnly, "only what is readOnly can have a ttl")
                    .notNegative("ttl", ttl)
                    .within("timeout", timeout, MIN_TIMEOUT, MAX_TIMEOUT)
                    .end();
            offer.setHints(hints);
            if (inputSchema != null) offer.setInputSchema(inputSchema);
            if (outputSchema != null) offer.setOutputSchema(outputSchema);
            if (timeout != null) offer.setTimeout(Wire.duration(timeout));
            if (ttl != null) offer.setTtl(Wire.duration(ttl));
            return new Operation(this, offer.build());
        }
    }
}

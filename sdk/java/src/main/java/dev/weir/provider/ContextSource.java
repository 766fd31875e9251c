package dev.weir.provider;

import com.google.protobuf.Struct;
import dev.weir.Sensitivity;
import dev.weir.internal.Wire;
import dev.weir.registry.v1.ContextOffer;
import dev.weir.registry.v1.ContextTypeManifest;
import dev.weir.registry.v1.KeyTemplate;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** A context type that a provider offers, and how it gets the values. */
public final class ContextSource {
    private static final Duration MAX_NEGATIVE_TTL = Duration.ofMinutes(5);

    final String type;
    final String version;
    final String keyPrefix;
    final Fetch fetch;
    final FetchAsync fetchAsync;
    final FetchMany fetchMany;
    final ListKeys list;
    private final ContextOffer offer;
    private final ContextTypeManifest manifest;

    private ContextSource(Builder given, ContextOffer offer, ContextTypeManifest manifest) {
        this.type = offer.getType();
        this.version = offer.getVersion();
        this.keyPrefix = offer.getKeyPrefix();
        this.fetch = given.fetch;
        this.fetchAsync = given.fetchAsync;
        this.fetchMany = given.fetchMany;
        this.list = given.list;
        this.offer = offer;
        this.manifest = manifest;
    }

    /** Gets one value. Throw a ProviderException to say what went wrong. */
    @FunctionalInterface
    public interface Fetch {
        /** Null stands for not found; of an error of another kind callers learn only that. */
        ContextAnswer fetch(ContextQuery query) throws Exception;
    }

    /** Gets one value without holding a thread while it waits. */
    @FunctionalInterface
    public interface FetchAsync {
        /** Fails as {@link Fetch} does; is cancelled when the answer is not wanted any more. */
        CompletionStage<? extends ContextAnswer> fetch(ContextQuery query) throws Exception;
    }

    /** Gets many values at once, for sources that can. */
    @FunctionalInterface
    public interface FetchMany {
        /** The answers stand in the order of the queries; null stands for not found. */
        List<? extends ContextAnswer> fetch(List<ContextQuery> queries) throws Exception;
    }

    /** Lists keys. */
    @FunctionalInterface
    public interface ListKeys {
        /** At most as many as the query says. */
        ListPage list(ListQuery query) throws Exception;
    }

    /**
     * Begins with the name of a context type, such as {@code DocChunk}, and the version that the
     * values conform to.
     */
    public static Builder builder(String type, String version) {
        return new Builder(type, version);
    }

    boolean isListable() {
        return list != null;
    }

    ContextOffer offer() {
        return offer;
    }

    boolean isTenantWide() {
        return offer.getScope() == dev.weir.registry.v1.CacheScope.CACHE_SCOPE_TENANT;
    }

    /** The manifest of a type that brings a schema of its own. */
    Optional<ContextTypeManifest> manifest() {
        return Optional.ofNullable(manifest);
    }

    /** Declares a context type. */
    public static final class Builder {
        private final ContextOffer.Builder offer;
        private String title = "";
        private String schema;
        private Duration ttl;
        private Duration staleWhileRevalidate;
        private Duration negativeTtl;
        private Fetch fetch;
        private FetchAsync fetchAsync;
        private FetchMany fetchMany;
        private ListKeys list;

        private Builder(String type, String version) {
            offer = ContextOffer.newBuilder().setType(type).setVersion(version);
        }

        /**
         * The JSON Schema (2020-12) of the values. Given for a type of your own, it is published
         * before the provider is registered; left out for types published elsewhere.
         */
        public Builder schema(String json) {
            schema = json;
            return this;
        }

        /** What people call the type; used when it is published. */
        public Builder title(String value) {
            title = value;
            return this;
        }

        /** The provider has only keys that begin with this. Default: any key. */
        public Builder keyPrefix(String value) {
            offer.setKeyPrefix(value);
            return this;
        }

        /** Among whom a cached value may be shared. Default: the tenant, or the principal told. */
        public Builder scope(CacheScope value) {
            offer.setScope(value.toWire());
            return this;
        }

        /** How long a value stays true when it does not say. Default: not cached. */
        public Builder ttl(Duration value) {
            ttl = value;
            return this;
        }

        /** How long past that it may be served while it is refreshed. Default: 0. */
        public Builder staleWhileRevalidate(Duration value) {
            staleWhileRevalidate = value;
            return this;
        }

        /** How long the absence of a key may be remembered, up to 5 min. Default: 1 s. */
        public Builder negativeTtl(Duration value) {
            negativeTtl = value;
            return this;
        }

        /** How sensitive values are when they do not say. Default: internal. */
        public Builder sensitivity(Sensitivity value) {
            offer.setSensitivity(Wire.sensitivity(value));
            return this;
        }

        /** What routers do with values that break the schema. Default: nothing. */
        public Builder schemaCheck(SchemaCheck value) {
            offer.setSchemaCheck(value.toWire());
            return this;
        }

        /** A form of keys, such as {@code page/{id}}, for who looks for one; at most 100. */
        public Builder keyTemplate(String name, String template) {
            offer.addKeyTemplates(
                    KeyTemplate.newBuilder().setName(name).setTemplate(template));
            return this;
        }

        /** Gets one value, in a thread that is interrupted when nobody waits any more. */
        public Builder fetch(Fetch function) {
            fetch = function;
            return this;
        }

        /** Gets one value without holding a thread; in place of {@link #fetch}. */
        public Builder fetchAsync(FetchAsync function) {
            fetchAsync = function;
            return this;
        }

        /** Gets many values at once; in place of {@link #fetch}. */
        public Builder fetchMany(FetchMany function) {
            fetchMany = function;
            return this;
        }

        /** Lists keys. Left out: the type cannot be listed. */
        public Builder list(ListKeys function) {
            list = function;
            return this;
        }

        /**
         * The declaration.
         *
         * @throws IllegalArgumentException when it has faults; the message names each
         */
        public ContextSource build() {
            Faults faults = new Faults("context " + offer.getType());
            Struct parsed = faults.object("schema", schema);
            int functions =
                    (fetch == null ? 0 : 1)
                            + (fetchAsync == null ? 0 : 1)
                            + (fetchMany == null ? 0 : 1);
            faults.type(offer.getType())
                    .version(offer.getVersion())
                    .when(functions != 1, "give one of fetch, fetchAsync and fetchMany")
                    .notNegative("ttl", ttl)
                    .notNegative("staleWhileRevalidate", staleWhileRevalidate)
                    .within("negativeTtl", negativeTtl, Duration.ZERO, MAX_NEGATIVE_TTL)
                    .end();
            offer.setListable(list != null);
            if (ttl != null) offer.setTtl(Wire.duration(ttl));
            if (staleWhileRevalidate != null) {
                offer.setStaleWhileRevalidate(Wire.duration(staleWhileRevalidate));
            }
            if (negativeTtl != null) offer.setNegativeTtl(Wire.duration(negativeTtl));
            return new ContextSource(
                    this, offer.build(), parsed == null ? null : manifestWith(parsed));
        }

        private ContextTypeManifest manifestWith(Struct parsed) {
            return ContextTypeManifest.newBuilder()
                    .setName(offer.getType())
                    .setVersion(offer.getVersion())
                    .setTitle(title)
                    .setSchema(parsed)
                    .build();
        }
    }
}

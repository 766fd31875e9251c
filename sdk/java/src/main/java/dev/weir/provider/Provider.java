package dev.weir.provider;

import dev.weir.internal.Wire;
import dev.weir.registry.v1.ContextTypeManifest;
import dev.weir.registry.v1.ProviderAuthentication;
import dev.weir.registry.v1.ProviderLimits;
import dev.weir.registry.v1.ProviderManifest;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/** A provider, ready to be served or tested. */
public final class Provider {
    private static final Duration MIN_SPAN = Duration.ofMillis(1);
    private static final Duration MIN_HEDGE = Duration.ofMillis(10);
    private static final Duration MAX_SPAN = Duration.ofMinutes(1);
    private static final int CONCURRENCY = 64;

    private final ProviderManifest manifest;
    private final List<ContextSource> contexts;
    private final List<Operation> operations;
    private final int concurrency;

    private Provider(Builder given, ProviderManifest manifest) {
        this.manifest = manifest;
        this.contexts = List.copyOf(given.contexts);
        this.operations = List.copyOf(given.operations);
        this.concurrency = given.concurrency;
    }

    /** Begins with a name, unique in the tenant, and a version, semver. */
    public static Builder builder(String name, String version) {
        return new Builder(name, version);
    }

    /** The name. */
    public String name() {
        return manifest.getName();
    }

    /** The version. */
    public String version() {
        return manifest.getVersion();
    }

    /** The manifest that it is registered with. */
    public ProviderManifest manifest() {
        return manifest;
    }

    /** The manifests of the types that it brings along with a schema of its own. */
    public List<ContextTypeManifest> typeManifests() {
        return contexts.stream().map(ContextSource::manifest).flatMap(Optional::stream).toList();
    }

    /** Serves it on any free port of 127.0.0.1; see {@link #serve(ServeOptions)}. */
    public RunningProvider serve(String url, String key) {
        return serve(ServeOptions.builder(url, key).build());
    }

    /**
     * Serves it and registers it with Weir: publishes types that bring a schema, registers the
     * manifest and the address, renews the lease, and registers all of it again when Weir has
     * forgotten it. Weir need not be up yet: it is tried until it is there.
     *
     * @return once it is registered
     * @throws dev.weir.WeirException when Weir refuses for good: a faulty manifest, a wrong key,
     *     other content under the same name and version without {@code replace}; or when the
     *     thread is interrupted
     * @throws UncheckedIOException when the address cannot be listened on
     */
    public RunningProvider serve(ServeOptions options) {
        return RunningProvider.await(serveAsync(options));
    }

    /** Serves it without waiting; cancelling the future stops it. See {@link #serve}. */
    public CompletableFuture<RunningProvider> serveAsync(ServeOptions options) {
        return RunningProvider.start(this, options);
    }

    List<ContextSource> contexts() {
        return contexts;
    }

    int concurrency() {
        return concurrency;
    }

    /** The context of a type; of any version when none is given. */
    Optional<ContextSource> context(String type, String version) {
        return contexts.stream()
                .filter(each -> each.type.equals(type))
                .filter(each -> version.isEmpty() || each.version.equals(version))
                .findFirst();
    }

    Optional<Operation> operation(String name) {
        return operations.stream().filter(each -> each.name.equals(name)).findFirst();
    }

    /** Declares a provider. */
    public static final class Builder {
        private final ProviderManifest.Builder manifest;
        private final List<ContextSource> contexts = new ArrayList<>();
        private final List<Operation> operations = new ArrayList<>();
        private final ProviderLimits.Builder limits = ProviderLimits.newBuilder();
        private int concurrency = CONCURRENCY;
        private Duration timeout;
        private Duration hedgeAfter;

        private Builder(String name, String version) {
            manifest = ProviderManifest.newBuilder().setName(name).setVersion(version);
        }

        /** Offers a context type; at least one, or an operation. */
        public Builder context(ContextSource value) {
            contexts.add(value);
            return this;
        }

        /** Offers an operation. */
        public Builder operation(Operation value) {
            operations.add(value);
            return this;
        }

        /** What people call it. */
        public Builder title(String value) {
            manifest.setTitle(value);
            return this;
        }

        /** What it is, in a few sentences. */
        public Builder description(String value) {
            manifest.setDescription(value);
            return this;
        }

        /** Words to find it by. */
        public Builder tags(String... values) {
            manifest.addAllTags(List.of(values));
            return this;
        }

        /** What kind of source it is, such as {@code documents} or {@code database}. */
        public Builder category(String value) {
            manifest.setCategory(value);
            return this;
        }

        /** Who answers for it. */
        public Builder owner(String value) {
            manifest.setOwner(value);
            return this;
        }

        /** This version's share among the live ones, 0 (only when pinned) to 1000. Default: 100. */
        public Builder weight(int value) {
            manifest.setWeight(value);
            return this;
        }

        /** Which of several providers of a type is asked first: the higher. Default: 0. */
        public Builder priority(int value) {
            manifest.setPriority(value);
            return this;
        }

        /** The time that one call of a router may take, up to 60 s. Default: 5 s. */
        public Builder timeout(Duration value) {
            timeout = value;
            return this;
        }

        /** When a call that brought nothing is made once more; 10 ms to 60 s. Default: never. */
        public Builder hedgeAfter(Duration value) {
            hedgeAfter = value;
            return this;
        }

        /** Calls of one router under way at once, 1 to 1,000. Default: 64. */
        public Builder maxConcurrentCalls(int value) {
            limits.setConcurrentCalls(value);
            return this;
        }

        /** Calls of one router begun in a second, 1 to 100,000. Default: any number. */
        public Builder maxCallsPerSecond(int value) {
            limits.setCallsPerSecond(value);
            return this;
        }

        /** Bytes of all values of one answer, 4 KiB to 1 GiB. Default: 64 MiB. */
        public Builder maxResponseBytes(long value) {
            limits.setResponseBytes(value);
            return this;
        }

        /** The provider is told who the principal is. Default: it is not. */
        public Builder wantsPrincipal() {
            manifest.setWantsPrincipal(true);
            return this;
        }

        /** The attributes of the principal that the provider is told. Default: none. */
        public Builder principalAttributes(String... values) {
            manifest.addAllPrincipalAttributes(List.of(values));
            return this;
        }

        /** Where routers find the token that is required, such as {@code secret://docs-token}. */
        public Builder bearer(String value) {
            manifest.setAuthentication(ProviderAuthentication.newBuilder().setBearer(value));
            return this;
        }

        /** How many queries of one batch run at once. Default: 64. */
        public Builder concurrency(int value) {
            concurrency = value;
            return this;
        }

        /**
         * The provider.
         *
         * @throws IllegalArgumentException when the declaration has faults; the message names each
         */
        public Provider build() {
            check();
            ProviderManifest.Builder whole = manifest.clone();
            contexts.forEach(each -> whole.addContexts(each.offer()));
            operations.forEach(each -> whole.addOperations(each.offer()));
            if (timeout != null) whole.setTimeout(Wire.duration(timeout));
            if (hedgeAfter != null) whole.setHedgeAfter(Wire.duration(hedgeAfter));
            ProviderLimits bounds = limits.build();
            if (!bounds.equals(ProviderLimits.getDefaultInstance())) whole.setLimits(bounds);
            return new Provider(this, whole.build());
        }

        private void check() {
            String bearer = manifest.getAuthentication().getBearer();
            boolean isTold =
                    manifest.getWantsPrincipal() || manifest.getPrincipalAttributesCount() > 0;
            Faults faults = new Faults("provider " + manifest.getName());
            faults.provider(manifest.getName())
                    .version(manifest.getVersion())
                    .when(
                            contexts.isEmpty() && operations.isEmpty(),
                            "contexts is empty: offer at least one, or an operation")
                    .within("weight", set(manifest.hasWeight(), manifest.getWeight()), 0, 1_000)
                    .within("timeout", timeout, MIN_SPAN, MAX_SPAN)
                    .within("hedgeAfter", hedgeAfter, MIN_HEDGE, MAX_SPAN)
                    .within("concurrency", (long) concurrency, 1, 100_000)
                    .within(
                            "maxConcurrentCalls",
                            set(limits.hasConcurrentCalls(), limits.getConcurrentCalls()),
                            1,
                            1_000)
                    .within(
                            "maxCallsPerSecond",
                            set(limits.hasCallsPerSecond(), limits.getCallsPerSecond()),
                            1,
                            100_000)
                    .within(
                            "maxResponseBytes",
                            set(limits.hasResponseBytes(), limits.getResponseBytes()),
                            4_096,
                            1L << 30)
                    .when(
                            !bearer.isEmpty() && !bearer.startsWith("secret://"),
                            "bearer must be a secret:// reference");
            for (ContextSource each : contexts) {
                String text = ": a provider told of the principal needs scope PRINCIPAL or NONE";
                faults.when(isTold && each.isTenantWide(), each.type + text);
            }
            faults.once(
                            Stream.concat(
                                            contexts.stream()
                                                    .map(each -> each.type + "@" + each.version),
                                            operations.stream()
                                                    .map(each -> "operation " + each.name))
                                    .toList())
                    .end();
        }

        private static Long set(boolean isSet, long value) {
            return isSet ? value : null;
        }
    }
}

package dev.weir.provider;

import dev.weir.Weir;
import dev.weir.WeirException;
import dev.weir.errors.v1.Reason;
import dev.weir.internal.Backoff;
import dev.weir.internal.Wire;
import dev.weir.provider.ProviderEvent.Kind;
import dev.weir.registry.v1.ContextTypeManifest;
import dev.weir.registry.v1.DeregisterEndpointRequest;
import dev.weir.registry.v1.EndpointSpec;
import dev.weir.registry.v1.GetProviderRequest;
import dev.weir.registry.v1.GetProviderResponse;
import dev.weir.registry.v1.HeartbeatRequest;
import dev.weir.registry.v1.HeartbeatResponse;
import dev.weir.registry.v1.PublishTypeRequest;
import dev.weir.registry.v1.RegisterEndpointRequest;
import dev.weir.registry.v1.RegisterEndpointResponse;
import dev.weir.registry.v1.RegisterProviderRequest;
import dev.weir.registry.v1.RegistryServiceGrpc;
import dev.weir.registry.v1.RegistryServiceGrpc.RegistryServiceBlockingStub;
import dev.weir.registry.v1.UpdateProviderRequest;
import io.grpc.Status;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Registers a provider and keeps it registered until stopped. */
final class Registration {
    private static final Backoff BACKOFF = new Backoff(250, 10_000);
    private static final Duration FAREWELL = Duration.ofSeconds(2);
    private static final Duration LEAST_BEAT = Duration.ofSeconds(1);

    /** What no waiting mends. */
    private static final Set<Status.Code> PERMANENT =
            EnumSet.of(
                    Status.Code.INVALID_ARGUMENT,
                    Status.Code.NOT_FOUND,
                    Status.Code.ALREADY_EXISTS,
                    Status.Code.PERMISSION_DENIED,
                    Status.Code.FAILED_PRECONDITION,
                    Status.Code.OUT_OF_RANGE,
                    Status.Code.UNIMPLEMENTED,
                    Status.Code.UNAUTHENTICATED);

    private final Supplier<Provider> current;
    private final RegistryServiceBlockingStub registry;
    private final String endpointUrl;
    private final boolean replace;
    private final Consumer<ProviderEvent> onEvent;
    private final CompletableFuture<Void> registered = new CompletableFuture<>();
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final Thread thread = new Thread(this::run, "weir-registration");
    private volatile Lease lease;

    /**
     * The life of a registration. Registering and waiting alternate until Weir takes it; live
     * sends heartbeats and counts those that failed in a row; a forgotten lease leads back to
     * registering; refused is the end, and only reached before the first success. What is
     * registered is only the endpoint when Weir remembers, so that what somebody deregistered
     * stays so.
     */
    private sealed interface State {
        record Registering(int attempt, What what) implements State {}

        record Waiting(int attempt, What what, Duration retryDelay) implements State {}

        record Live(Lease lease, int failures) implements State {}

        record Refused(WeirException error) implements State {}

        record Stopped() implements State {}
    }

    private enum What {
        ALL,
        ENDPOINT
    }

    /** What an installation of Weir granted. */
    private record Lease(String endpointId, Duration length, String epoch) {}

    Registration(
            Supplier<Provider> current,
            Weir weir,
            String endpointUrl,
            boolean replace,
            Consumer<ProviderEvent> onEvent) {
        this.current = current;
        this.registry = RegistryServiceGrpc.newBlockingStub(weir.channel());
        this.endpointUrl = endpointUrl;
        this.replace = replace;
        this.onEvent = onEvent;
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Ends when it is registered for the first time; fails when Weir refuses for good. */
    CompletableFuture<Void> registered() {
        return registered;
    }

    boolean isRegistered() {
        return lease != null;
    }

    /** Stops heartbeats. The lease then runs out, unless it is given back. */
    void stop() {
        stopping.countDown();
        thread.interrupt();
        try {
            thread.join();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tells Weir that no new calls are wanted, or that the address is gone. It may be itself. */
    void leave(boolean isDraining) {
        Lease held = lease;
        if (held == null) return;
        DeregisterEndpointRequest request =
                DeregisterEndpointRequest.newBuilder()
                        .setEndpointId(held.endpointId)
                        .setDrain(isDraining)
                        .build();
        try {
            within(FAREWELL).deregisterEndpoint(request);
        } catch (RuntimeException error) {
            // The lease runs out by itself.
            return;
        }
    }

    /** Registers what the provider has become. Forgotten, the next heartbeat finds out. */
    void update() {
        try {
            registerTypes();
            replaceManifest();
        } catch (RuntimeException error) {
            throw WeirException.from(error);
        }
        onEvent.accept(ProviderEvent.of(Kind.UPDATED, name() + " has another manifest"));
    }

    private void run() {
        State state = new State.Registering(0, What.ALL);
        while (!(state instanceof State.Refused) && !(state instanceof State.Stopped)) {
            State next = step(state);
            state = isStopping() ? new State.Stopped() : next;
            if (state instanceof State.Live live) {
                lease = live.lease;
                registered.complete(null);
            }
            if (state instanceof State.Refused refused) {
                registered.completeExceptionally(refused.error);
            }
        }
    }

    private State step(State state) {
        if (state instanceof State.Registering registering) return register(registering);
        if (state instanceof State.Waiting waiting) {
            pause(Backoff.longer(BACKOFF.before(waiting.attempt), waiting.retryDelay));
            return new State.Registering(waiting.attempt + 1, waiting.what);
        }
        State.Live live = (State.Live) state;
        double share = (0.9 + ThreadLocalRandom.current().nextDouble() / 10) / 3;
        Duration beat = Duration.ofNanos(Math.round(live.lease.length.toNanos() * share));
        Duration again = BACKOFF.before(Math.max(0, live.failures - 1));
        boolean isShorter = live.failures > 0 && again.compareTo(beat) < 0;
        pause(isShorter ? again : beat);
        return isStopping() ? new State.Stopped() : heartbeat(live);
    }

    private State register(State.Registering state) {
        boolean isFirst = lease == null;
        try {
            if (state.what == What.ALL) {
                registerTypes();
                registerManifest();
            }
            Lease granted = registerEndpoint();
            Kind kind = isFirst ? Kind.REGISTERED : Kind.REREGISTERED;
            String text = name() + " is registered at " + endpointUrl;
            onEvent.accept(ProviderEvent.of(kind, text));
            return new State.Live(granted, 0);
        } catch (RuntimeException thrown) {
            WeirException error = WeirException.from(thrown);
            if (isStopping()) return new State.Stopped();
            tellFailure(state, error);
            if (isFirst && PERMANENT.contains(error.code())) return new State.Refused(error);
            Duration delay = error.retryDelay().orElse(Duration.ZERO);
            return new State.Waiting(state.attempt, state.what, delay);
        }
    }

    private void tellFailure(State.Registering state, WeirException error) {
        boolean isGone =
                state.what == What.ENDPOINT && error.code() == Status.Code.NOT_FOUND;
        if (!isGone) {
            String text = name() + ": " + error.getMessage();
            onEvent.accept(ProviderEvent.of(Kind.REGISTER_FAILED, text, error));
        } else if (state.attempt == 0) {
            String text = " was deregistered; it is served again once somebody registers it";
            onEvent.accept(ProviderEvent.of(Kind.DEREGISTERED, name() + text));
        }
    }

    private State heartbeat(State.Live state) {
        Lease held = state.lease;
        Duration third = held.length.dividedBy(3);
        HeartbeatRequest request =
                HeartbeatRequest.newBuilder().addEndpointIds(held.endpointId).build();
        try {
            HeartbeatResponse answer =
                    within(Backoff.longer(LEAST_BEAT, third)).heartbeat(request);
            if (answer.getUnknownEndpointIdsCount() > 0) {
                boolean isRemembered =
                        !answer.getEpoch().isEmpty() && answer.getEpoch().equals(held.epoch);
                return new State.Registering(0, isRemembered ? What.ENDPOINT : What.ALL);
            }
            if (state.failures > 0) {
                String text = name() + " is heard again";
                onEvent.accept(ProviderEvent.of(Kind.HEARTBEAT_RECOVERED, text));
            }
            Duration length =
                    answer.hasLease() ? Wire.duration(answer.getLease()) : held.length;
            return new State.Live(new Lease(held.endpointId, length, held.epoch), 0);
        } catch (RuntimeException thrown) {
            WeirException error = WeirException.from(thrown);
            if (error.reason() == Reason.REASON_LEASE_UNKNOWN) {
                return new State.Registering(0, What.ALL);
            }
            if (!isStopping()) {
                String text = name() + ": " + error.getMessage();
                onEvent.accept(ProviderEvent.of(Kind.HEARTBEAT_FAILED, text, error));
            }
            return new State.Live(held, state.failures + 1);
        }
    }

    private void registerTypes() {
        for (ContextTypeManifest manifest : current.get().typeManifests()) {
            try {
                registry.publishType(
                        PublishTypeRequest.newBuilder().setManifest(manifest).build());
            } catch (RuntimeException thrown) {
                WeirException error = WeirException.from(thrown);
                if (error.reason() != Reason.REASON_BUILT_IN) throw error;
                throw error.withAdvice("drop `schema` of " + manifest.getName());
            }
        }
    }

    private void registerManifest() {
        try {
            registry.registerProvider(
                    RegisterProviderRequest.newBuilder()
                            .setManifest(current.get().manifest())
                            .build());
        } catch (RuntimeException thrown) {
            WeirException error = WeirException.from(thrown);
            if (error.code() != Status.Code.ALREADY_EXISTS) throw error;
            if (!replace) throw error.withAdvice("raise its version, or set `replace`");
            replaceManifest();
        }
    }

    private void replaceManifest() {
        Provider provider = current.get();
        GetProviderResponse held =
                registry.getProvider(
                        GetProviderRequest.newBuilder()
                                .setName(provider.name())
                                .setVersion(provider.version())
                                .build());
        registry.updateProvider(
                UpdateProviderRequest.newBuilder()
                        .setManifest(provider.manifest())
                        .setEtag(held.getProvider().getEtag())
                        .build());
    }

    private Lease registerEndpoint() {
        Provider provider = current.get();
        RegisterEndpointResponse answer =
                registry.registerEndpoint(
                        RegisterEndpointRequest.newBuilder()
                                .setProvider(provider.name())
                                .setVersion(provider.version())
                                .setEndpoint(EndpointSpec.newBuilder().setUrl(endpointUrl))
                                .build());
        if (!answer.hasEndpoint() || !answer.hasLease()) {
            throw Status.INTERNAL
                    .withDescription("Weir answered a registration without an endpoint or lease")
                    .asRuntimeException();
        }
        return new Lease(
                answer.getEndpoint().getId(),
                Wire.duration(answer.getLease()),
                answer.getEpoch());
    }

    private RegistryServiceBlockingStub within(Duration time) {
        return registry.withDeadlineAfter(time.toNanos(), TimeUnit.NANOSECONDS);
    }

    private String name() {
        Provider provider = current.get();
        return provider.name() + "@" + provider.version();
    }

    private boolean isStopping() {
        return stopping.getCount() == 0;
    }

    /** Waits unless stopped. */
    private void pause(Duration time) {
        try {
            stopping.await(time.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException error) {
            // Only stop() interrupts, and what follows looks for that.
            return;
        }
    }
}

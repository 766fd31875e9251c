package dev.weir.provider;

import dev.weir.Weir;
import dev.weir.WeirException;
import dev.weir.provider.ProviderEvent.Kind;
import io.grpc.Status;
import io.grpc.StatusException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.logging.Logger;

/** A provider that is served and registered. */
public final class RunningProvider implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger("dev.weir.provider");

    /** How long Weir may take to answer one call. */
    private static final Duration REGISTRY_TIMEOUT = Duration.ofSeconds(5);

    private final AtomicReference<Provider> serving;
    private final ServeOptions options;
    private final Consumer<ProviderEvent> onEvent;
    private final Weir weir;
    private final Executors executors;
    private final ProviderServer server;
    private final Registration registration;
    private final String url;
    private final Thread atExit = new Thread(this::drain, "weir-drain");
    private final AtomicBoolean isClosing = new AtomicBoolean();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    private RunningProvider(Provider provider, ServeOptions options) {
        this.serving = new AtomicReference<>(provider);
        this.options = options;
        this.onEvent = guarded(options.onEvent);
        this.weir =
                Weir.builder()
                        .url(options.urls)
                        .key(options.key)
                        .timeout(REGISTRY_TIMEOUT)
                        .build();
        this.executors = Executors.open(options.threads);
        this.server = listen();
        this.url = options.publicUrl == null ? ownUrl() : options.publicUrl;
        this.registration =
                new Registration(serving::get, weir, url, options.replace, onEvent);
    }

    static CompletableFuture<RunningProvider> start(Provider provider, ServeOptions options) {
        RunningProvider running = new RunningProvider(provider, options);
        CompletableFuture<RunningProvider> started =
                new CompletableFuture<>() {
                    @Override
                    public boolean cancel(boolean mayInterruptIfRunning) {
                        boolean isCancelled = super.cancel(mayInterruptIfRunning);
                        if (isCancelled) running.close();
                        return isCancelled;
                    }
                };
        if (options.drainAtExit) Runtime.getRuntime().addShutdownHook(running.atExit);
        running.registration
                .registered()
                .whenCompleteAsync(
                        (done, error) -> {
                            if (error == null) {
                                started.complete(running);
                                return;
                            }
                            running.close();
                            started.completeExceptionally(error);
                        });
        running.registration.start();
        return started;
    }

    static RunningProvider await(CompletableFuture<RunningProvider> started) {
        try {
            return started.get();
        } catch (InterruptedException | CancellationException error) {
            started.cancel(true);
            if (error instanceof InterruptedException) Thread.currentThread().interrupt();
            throw WeirException.from(cancelled(error));
        } catch (ExecutionException error) {
            throw WeirException.from(error.getCause());
        }
    }

    /** The address that routers are told. */
    public String url() {
        return url;
    }

    /** The port that it listens on. */
    public int port() {
        return server.port();
    }

    /**
     * Offers something else from now on: another manifest under the same name and version.
     *
     * @throws IllegalArgumentException when name or version differ
     * @throws WeirException when Weir refuses the manifest; calls are then answered as before
     */
    public void update(Provider next) {
        Provider before = serving.get();
        String what = before.name() + "@" + before.version();
        String other = next.name() + "@" + next.version();
        if (!what.equals(other)) {
            String text = what + " cannot become " + other + ": serve that apart";
            throw new IllegalArgumentException(text);
        }
        serving.set(next);
        try {
            registration.update();
        } catch (WeirException error) {
            // Unless it was changed again meanwhile.
            serving.compareAndSet(next, before);
            throw error;
        }
    }

    /** Drains and stops: routers are told to go elsewhere, calls under way are answered first. */
    @Override
    public void close() {
        if (!isExiting()) drain();
        closed.join();
    }

    /** Ends once it has stopped. */
    public CompletableFuture<Void> closed() {
        return closed.copy();
    }

    /**
     * Waits until it has stopped.
     *
     * @throws WeirException when the thread is interrupted, which stops it
     */
    public void awaitClosed() {
        try {
            closed.get();
        } catch (InterruptedException error) {
            close();
            Thread.currentThread().interrupt();
        } catch (ExecutionException error) {
            throw new CompletionException(error.getCause());
        }
    }

    private ProviderServer listen() {
        OnFault onFault =
                (what, error) ->
                        onEvent.accept(ProviderEvent.of(Kind.FUNCTION_FAILED, what, error));
        try {
            ProviderEndpoint endpoint = new ProviderEndpoint(serving::get, executors, onFault);
            return new ProviderServer(endpoint, executors, options);
        } catch (RuntimeException error) {
            executors.close();
            weir.close();
            throw error;
        }
    }

    private static StatusException cancelled(Throwable cause) {
        String text = "the start was cancelled";
        return Status.CANCELLED.withDescription(text).withCause(cause).asException();
    }

    /** In this order no router is sent to an address that no longer answers. */
    private void drain() {
        if (!isClosing.compareAndSet(false, true)) return;
        try {
            registration.stop();
            server.stopServing();
            if (registration.isRegistered()) {
                onEvent.accept(ProviderEvent.of(Kind.DRAINING, "no new calls are wanted"));
            }
            registration.leave(true);
            server.awaitIdle(options.drain);
            registration.leave(false);
            server.close();
            executors.close();
            weir.close();
        } finally {
            closed.complete(null);
            onEvent.accept(ProviderEvent.of(Kind.CLOSED, "the provider has stopped"));
        }
    }

    /** Takes the hook away; whether that is too late, and the hook drains. */
    private boolean isExiting() {
        if (!options.drainAtExit) return false;
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
            return false;
        } catch (IllegalStateException error) {
            return true;
        }
    }

    private String ownUrl() {
        boolean isV6 = options.host.contains(":");
        String host = isV6 ? "[" + options.host + "]" : options.host;
        return "http://" + host + ":" + server.port();
    }

    /** A listener that throws does not break the registration. */
    private static Consumer<ProviderEvent> guarded(Consumer<ProviderEvent> listener) {
        return event -> {
            try {
                listener.accept(event);
            } catch (RuntimeException error) {
                LOG.log(Level.SEVERE, "a listener of provider events failed", error);
            }
        };
    }
}

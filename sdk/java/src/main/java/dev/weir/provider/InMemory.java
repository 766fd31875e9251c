package dev.weir.provider;

import dev.weir.provider.ProviderEvent.Kind;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.UUID;
import java.util.function.Consumer;

/** A provider in memory, for {@code dev.weir.testing}, which says more of it. */
public final class InMemory implements AutoCloseable {
    private static final int THREADS = 256;

    private final Executors executors = Executors.open(THREADS);
    private final Server server;
    private final ManagedChannel channel;

    private InMemory(Provider provider, Consumer<ProviderEvent> onEvent) {
        OnFault onFault =
                (what, error) ->
                        onEvent.accept(ProviderEvent.of(Kind.FUNCTION_FAILED, what, error));
        String name = UUID.randomUUID().toString();
        try {
            server =
                    InProcessServerBuilder.forName(name)
                            .executor(executors.senders())
                            .addService(new ProviderEndpoint(() -> provider, executors, onFault))
                            .build()
                            .start();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        channel = InProcessChannelBuilder.forName(name).build();
    }

    /** Opens a provider; errors of its functions are logged. */
    public static InMemory open(Provider provider) {
        return new InMemory(provider, ServeOptions::logFaults);
    }

    /** Opens a provider, and tells of errors of its functions. */
    public static InMemory open(Provider provider, Consumer<ProviderEvent> onEvent) {
        return new InMemory(provider, onEvent);
    }

    /** Carries calls to it. */
    public ManagedChannel channel() {
        return channel;
    }

    @Override
    public void close() {
        channel.shutdownNow();
        server.shutdownNow();
        executors.close();
    }
}

package dev.weir.provider;

import dev.weir.provider.v1.ProviderServiceGrpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Serves a provider and gRPC health over clear-text HTTP/2. */
final class ProviderServer {
    private static final int READ_MAX_BYTES = 4 * 1024 * 1024;
    private static final int STREAMS_PER_CONNECTION = 100;
    private static final int HEADER_BYTES = 16 * 1024;
    private static final int WINDOW_BYTES = 1024 * 1024;
    private static final int HANDSHAKE_SECONDS = 10;
    private static final int IDLE_CONNECTION_MINUTES = 10;
    private static final Duration GOODBYE = Duration.ofSeconds(1);
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final HealthEndpoint health = new HealthEndpoint();
    private final CallCount calls = new CallCount();
    private final Server server;

    ProviderServer(ProviderEndpoint endpoint, Executors executors, ServeOptions options) {
        InetSocketAddress address = new InetSocketAddress(options.host, options.port);
        NettyServerBuilder builder =
                NettyServerBuilder.forAddress(address)
                        .executor(executors.senders())
                        .maxInboundMessageSize(READ_MAX_BYTES)
                        .maxInboundMetadataSize(HEADER_BYTES)
                        .maxConcurrentCallsPerConnection(STREAMS_PER_CONNECTION)
                        .flowControlWindow(WINDOW_BYTES)
                        .handshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS)
                        .maxConnectionIdle(IDLE_CONNECTION_MINUTES, TimeUnit.MINUTES)
                        // Routers ping when they have heard nothing for a while.
                        .permitKeepAliveTime(1, TimeUnit.SECONDS)
                        .permitKeepAliveWithoutCalls(true)
                        .addStreamTracerFactory(calls)
                        .addService(endpoint)
                        .addService(health);
        if (options.token != null) builder.intercept(new Gate(options.token));
        try {
            server = builder.build().start();
        } catch (IOException error) {
            throw new UncheckedIOException("cannot listen on " + address, error);
        }
    }

    int port() {
        return server.getPort();
    }

    /** Reports itself as not serving; calls are still answered. */
    void stopServing() {
        health.stopServing();
    }

    /** Waits until no call is under way, so long at most. */
    void awaitIdle(Duration within) {
        calls.awaitNone(within);
    }

    /** Ends all connections, and with them the calls still under way. */
    void close() {
        stopServing();
        server.shutdown();
        try {
            server.awaitTermination(GOODBYE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        server.shutdownNow();
    }

    /** Counts the calls of routers under way; those of health do not count. */
    private static final class CallCount extends ServerStreamTracer.Factory {
        private int underWay;

        @Override
        public ServerStreamTracer newServerStreamTracer(String method, Metadata headers) {
            if (!method.startsWith(ProviderServiceGrpc.SERVICE_NAME + "/")) {
                return new ServerStreamTracer() {};
            }
            count(1);
            return new ServerStreamTracer() {
                @Override
                public void streamClosed(Status status) {
                    count(-1);
                }
            };
        }

        private synchronized void count(int more) {
            underWay += more;
            notifyAll();
        }

        synchronized void awaitNone(Duration within) {
            long end = System.nanoTime() + within.toNanos();
            try {
                while (underWay > 0) {
                    long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                    if (left <= 0) return;
                    wait(left);
                }
            } catch (InterruptedException error) {
                // Who stops the process does not wait for calls.
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Lets in who has the token; health is for everybody. */
    private static final class Gate implements ServerInterceptor {
        private final byte[] wanted;

        Gate(String token) {
            wanted = bytesOf("Bearer " + token);
        }

        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            String service = call.getMethodDescriptor().getServiceName();
            String given = headers.get(AUTHORIZATION);
            boolean isLetIn =
                    !ProviderServiceGrpc.SERVICE_NAME.equals(service)
                            || (given != null && MessageDigest.isEqual(wanted, bytesOf(given)));
            if (isLetIn) return next.startCall(call, headers);
            String text = "the bearer token of this provider is needed";
            call.close(Status.UNAUTHENTICATED.withDescription(text), new Metadata());
            return new ServerCall.Listener<>() {};
        }

        private static byte[] bytesOf(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
    }
}

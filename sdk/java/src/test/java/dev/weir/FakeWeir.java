package dev.weir;

import io.grpc.BindableService;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;

/** Services of Weir as a test has them, on a real socket. */
public final class FakeWeir implements AutoCloseable {
    private final Map<String, Queue<StatusRuntimeException>> failures = new ConcurrentHashMap<>();
    private final List<String> calls = new CopyOnWriteArrayList<>();
    private final List<String> credentials = new CopyOnWriteArrayList<>();
    private final Server server;

    public FakeWeir(BindableService... services) {
        this(0, services);
    }

    public FakeWeir(int port, BindableService... services) {
        NettyServerBuilder builder =
                NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port));
        for (BindableService each : services) builder.addService(each);
        try {
            server = builder.intercept(new Failing()).build().start();
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Its address. */
    public String url() {
        return "http://127.0.0.1:" + server.getPort();
    }

    public int port() {
        return server.getPort();
    }

    /** The methods called so far. */
    public List<String> calls() {
        return calls;
    }

    /** What the calls proved themselves with. */
    public List<String> credentials() {
        return credentials;
    }

    /** The next calls of a method fail, one by one. */
    public void fail(String method, StatusRuntimeException... errors) {
        failures.computeIfAbsent(method, each -> new ConcurrentLinkedQueue<>())
                .addAll(List.of(errors));
    }

    public void fail(String method, Status... statuses) {
        for (Status each : statuses) fail(method, each.asRuntimeException());
    }

    @Override
    public void close() {
        server.shutdownNow();
    }

    private final class Failing implements ServerInterceptor {
        private static final Metadata.Key<String> AUTHORIZATION =
                Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            String method = call.getMethodDescriptor().getBareMethodName();
            calls.add(method);
            credentials.add(headers.get(AUTHORIZATION));
            Queue<StatusRuntimeException> errors = failures.get(method);
            StatusRuntimeException error = errors == null ? null : errors.poll();
            if (error == null) return next.startCall(call, headers);
            Metadata trailers = error.getTrailers();
            call.close(error.getStatus(), trailers == null ? new Metadata() : trailers);
            return new ServerCall.Listener<>() {};
        }
    }
}

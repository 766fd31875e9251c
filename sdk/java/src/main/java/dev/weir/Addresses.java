package dev.weir;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Carries calls to the first of some addresses until it is UNAVAILABLE, then to the next one, and
 * after the last one to the first again. Sends the key with each, and gives those of one answer a
 * deadline.
 */
final class Addresses extends Channel implements AutoCloseable {
    private static final int MAX_ADDRESSES = 16;

    /** Messages larger than this are refused: a full response budget and its envelope. */
    private static final int READ_MAX_BYTES = 8 * 1024 * 1024;

    private static final int WINDOW_BYTES = 1024 * 1024;
    private static final int PING_INTERVAL_SECONDS = 30;
    private static final int PING_TIMEOUT_SECONDS = 10;
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final List<Way> ways;
    private final AtomicInteger at = new AtomicInteger();
    private final String credential;
    private final Duration timeout;

    private record Way(URI url, ManagedChannel channel) {}

    Addresses(List<String> urls, String key, Duration timeout) {
        if (urls.isEmpty() || urls.size() > MAX_ADDRESSES) {
            String text = "url has " + urls.size() + " addresses: give 1 to " + MAX_ADDRESSES;
            throw new IllegalArgumentException(text);
        }
        List<URI> checked = urls.stream().map(Addresses::check).toList();
        this.ways = checked.stream().map(url -> new Way(url, open(url))).toList();
        this.credential = "Bearer " + key;
        this.timeout = timeout;
    }

    /** The address that calls go to now, without a slash at its end. */
    String current() {
        URI url = here().url;
        return url.getScheme() + "://" + url.getRawAuthority();
    }

    @Override
    public String authority() {
        return here().channel.authority();
    }

    @Override
    public <Q, R> ClientCall<Q, R> newCall(
            MethodDescriptor<Q, R> method, CallOptions given) {
        Way way = here();
        boolean isEndless = !method.getType().serverSendsOneMessage();
        CallOptions options =
                given.getDeadline() != null || isEndless
                        ? given
                        : given.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
        Context asking = Context.current();
        return new SimpleForwardingClientCall<>(way.channel.newCall(method, options)) {
            private volatile boolean isLeft;

            @Override
            public void start(Listener<R> listener, Metadata headers) {
                headers.put(AUTHORIZATION, credential);
                super.start(
                        new SimpleForwardingClientCallListener<>(listener) {
                            @Override
                            public void onClose(Status status, Metadata trailers) {
                                boolean asked = isLeft || asking.isCancelled();
                                Status told = asked ? status : heldFor(status);
                                if (told.getCode() == Status.Code.UNAVAILABLE) leave(way);
                                super.onClose(told, trailers);
                            }
                        },
                        headers);
            }

            @Override
            public void cancel(String message, Throwable cause) {
                isLeft = true;
                super.cancel(message, cause);
            }
        };
    }

    /** Ends the connections; calls under way fail. */
    @Override
    public void close() {
        for (Way way : ways) way.channel.shutdownNow();
    }

    private Way here() {
        return ways.get(at.get());
    }

    /** Calls that failed together move on once. */
    private void leave(Way way) {
        int index = ways.indexOf(way);
        at.compareAndSet(index, (index + 1) % ways.size());
        // Else a channel fails every call of the next seconds without another look.
        way.channel.resetConnectBackoff();
    }

    /**
     * What a status is that came without being asked for. An answer that broke off is a cancel or
     * an internal error to the transport, and would never be tried again: it is Weir that is not
     * there.
     */
    static Status heldFor(Status status) {
        String text = String.valueOf(status.getDescription());
        boolean isOfTransport =
                text.contains("HTTP/2 error code")
                        || text.contains("unexpected EOS")
                        || text.contains("Encountered end-of-stream")
                        || text.contains("http2 exception");
        boolean isBroken =
                switch (status.getCode()) {
                    case CANCELLED -> true;
                    // Netty's word for a connection that closed while the call was being sent.
                    case UNKNOWN -> status.getCause() instanceof IOException;
                    case INTERNAL, RESOURCE_EXHAUSTED -> isOfTransport;
                    default -> false;
                };
        if (!isBroken) return status;
        return Status.UNAVAILABLE
                .withDescription("the connection to Weir broke: " + text)
                .withCause(status.getCause());
    }

    private static ManagedChannel open(URI url) {
        boolean isSecure = url.getScheme().equals("https");
        int port = url.getPort() >= 0 ? url.getPort() : isSecure ? 443 : 80;
        NettyChannelBuilder builder =
                NettyChannelBuilder.forAddress(url.getHost(), port)
                        .maxInboundMessageSize(READ_MAX_BYTES)
                        .flowControlWindow(WINDOW_BYTES)
                        .keepAliveTime(PING_INTERVAL_SECONDS, TimeUnit.SECONDS)
                        .keepAliveTimeout(PING_TIMEOUT_SECONDS, TimeUnit.SECONDS)
                        .disableRetry();
        return (isSecure ? builder.useTransportSecurity() : builder.usePlaintext()).build();
    }

    private static URI check(String text) {
        String form = ": write it like http://127.0.0.1:7070";
        try {
            URI url = new URI(text);
            if (!"http".equals(url.getScheme()) && !"https".equals(url.getScheme())) {
                throw fault(text, "is not http or https" + form);
            }
            if (url.getRawUserInfo() != null) {
                throw new IllegalArgumentException(
                        "url holds user info: drop it and give the key as `key`");
            }
            if (url.getHost() == null) throw fault(text, "names no host" + form);
            if (!url.getRawPath().matches("/*")) throw fault(text, "has a path" + form);
            return url;
        } catch (URISyntaxException error) {
            throw fault(text, "is no URL" + form);
        }
    }

    private static IllegalArgumentException fault(String text, String what) {
        return new IllegalArgumentException("url \"" + text + "\" " + what);
    }
}

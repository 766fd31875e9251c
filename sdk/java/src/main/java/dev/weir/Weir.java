package dev.weir;

import dev.weir.events.v1.EventServiceGrpc;
import dev.weir.events.v1.PublishRequest;
import dev.weir.router.v1.ListContextResponse;
import dev.weir.router.v1.RouterServiceGrpc;
import dev.weir.tools.v1.CallToolRequest;
import io.grpc.Channel;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A client of Weir: safe to share between threads, made once per process. Connects with the first
 * call.
 *
 * <p>A call takes 10 s at most, retries included. Safe calls are tried again, up to three times,
 * when Weir is unavailable or says when to come back; writes never are. Each call ends with the
 * gRPC context it is made in. A blocking form ends when its thread is interrupted; one with a
 * future when that future is cancelled.
 */
public final class Weir implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final int RETRIES = 3;

    private final Addresses addresses;
    private final Calls calls;
    private final Links links;
    private final Duration timeout;
    private final double minQuality;

    private Weir(Builder given) {
        addresses = new Addresses(given.urls, checkKey(given.key), given.timeout);
        calls = new Calls(addresses, given.retries);
        links = new Links(addresses);
        timeout = given.timeout;
        minQuality = given.minQuality;
    }

    /**
     * Makes a client.
     *
     * @param url where Weir listens, such as {@code http://127.0.0.1:7070}; several addresses are
     *     parted by commas
     * @param key the API key, {@code weir_...}, or an access token of an issuer that Weir knows
     * @throws IllegalArgumentException when one of them cannot be right
     */
    public static Weir connect(String url, String key) {
        return builder().url(url.split(",")).key(key).build();
    }

    /** Begins with an address and a key still to be given. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Gets one item.
     *
     * @throws ItemRefusedException when the item cannot be had
     * @throws WeirException when the whole call failed, is late or was cancelled
     */
    public ContextItem get(String type, String key) {
        return get(ContextRef.of(type, key), FetchOptions.DEFAULT);
    }

    /** Gets one item, as options say; see {@link #get(String, String)}. */
    public ContextItem get(ContextRef ref, FetchOptions options) {
        return Calls.await(getAsync(ref, options));
    }

    /** Gets one item without waiting; see {@link #get(String, String)}. */
    public CompletableFuture<ContextItem> getAsync(ContextRef ref, FetchOptions options) {
        Scope scope = new Scope(options.timeoutOr(timeout));
        return scope.future(
                fetchWithin(scope, List.of(ref), options)
                        .thenApply(outcomes -> outcomes.get(0).itemOrThrow()));
    }

    /**
     * Fetches any number of refs, written as {@code TYPE/KEY} or {@code TYPE@RANGE/KEY}, one call
     * for each 256 of them, and returns an outcome for each, in their order. Items that cannot be
     * had are outcomes; items over the response budget are asked for again by themselves.
     *
     * @throws WeirException when a whole call failed, is late or was cancelled
     * @throws IllegalArgumentException when a text is no ref
     */
    public List<Outcome> fetch(String... refs) {
        return fetch(Arrays.stream(refs).map(ContextRef::parse).toList(), FetchOptions.DEFAULT);
    }

    /** Fetches any number of refs, as options say; see {@link #fetch(String...)}. */
    public List<Outcome> fetch(List<ContextRef> refs, FetchOptions options) {
        return Calls.await(fetchAsync(refs, options));
    }

    /** Fetches any number of refs without waiting; see {@link #fetch(String...)}. */
    public CompletableFuture<List<Outcome>> fetchAsync(
            List<ContextRef> refs, FetchOptions options) {
        Scope scope = new Scope(options.timeoutOr(timeout));
        return scope.future(fetchWithin(scope, List.copyOf(refs), options));
    }

    /**
     * Fetches any number of refs and gives each outcome as soon as it is there. Closing the stream
     * cancels what is still under way. One that breaks off because Weir stops, or cannot be
     * reached for a moment, goes on by itself with what is still open. What the stream is asked
     * for throws WeirException when a whole call failed.
     */
    public Stream<Outcome> stream(List<ContextRef> refs, FetchOptions options) {
        Scope scope = new Scope(options.timeoutOr(timeout));
        Streaming outcomes = new Streaming(calls, links, options, minQuality, scope);
        return streamOf(outcomes.start(List.copyOf(refs))).onClose(outcomes::close);
    }

    /**
     * Opens the value of an item to be read piece by piece, also one that was left at its link:
     * fetch it with {@link FetchOptions.Builder#keepLinks}. Size and hash are checked on the way,
     * so that what was read counts only once its end has been reached without an error. Takes as
     * long as the client's timeout at most.
     *
     * @throws WeirException when it cannot be read
     */
    public InputStream open(ContextItem item) {
        if (item.link().isEmpty() || item.bytes().length > 0) {
            return new ByteArrayInputStream(item.bytes());
        }
        return links.open(item.link().get(), new Scope(timeout));
    }

    /**
     * Lists what there is to fetch; a page is asked for when the one before has been read. What
     * the stream is asked for throws WeirException when a page cannot be had.
     */
    public Stream<ContextEntry> list(ListOptions options) {
        return Stream.iterate(
                        listPage(options),
                        page -> page != null,
                        page ->
                                page.nextPageToken().isEmpty()
                                        ? null
                                        : Calls.await(
                                                listPage(options, page.nextPageToken())))
                .peek(page -> page.gaps().forEach(options::tell))
                .flatMap(page -> page.entries().stream());
    }

    /**
     * Lists one page of what there is to fetch.
     *
     * @throws WeirException when the page cannot be had
     */
    public ContextPage listPage(ListOptions options) {
        return Calls.await(listPageAsync(options));
    }

    /** Lists one page without waiting; see {@link #listPage}. */
    public CompletableFuture<ContextPage> listPageAsync(ListOptions options) {
        return listPage(options, "");
    }

    /**
     * Calls an operation of a provider as a tool.
     *
     * @param tool its name, {@code <provider>__<operation>}, or as its group has it
     * @param arguments what becomes a JSON object: a Map, a JsonObject, an object of your own
     * @throws WeirException when the call is refused, is late or was cancelled; a tool that failed
     *     has a result that says so
     */
    public ToolResult call(String tool, Object arguments) {
        return call(tool, arguments, ToolOptions.DEFAULT);
    }

    /** Calls an operation of a provider, as options say; see {@link #call(String, Object)}. */
    public ToolResult call(String tool, Object arguments, ToolOptions options) {
        return Calls.await(callAsync(tool, arguments, options));
    }

    /** Calls an operation of a provider without waiting; see {@link #call(String, Object)}. */
    public CompletableFuture<ToolResult> callAsync(
            String tool, Object arguments, ToolOptions options) {
        CallToolRequest request = ToolCall.request(tool, arguments, options);
        Scope scope = new Scope(options.timeoutOr(timeout));
        return scope.future(ToolCall.start(calls, request, options, scope));
    }

    /**
     * Publishes events in their order, at most 256: all of them or none. When it answers they are
     * committed, and Weir hands out no item of their refs as it was before. What fails as
     * UNAVAILABLE is tried again, and published once all the same.
     *
     * @throws WeirException when one is refused, or Weir cannot be reached
     */
    public Published publish(Event... events) {
        return publish(List.of(events), PublishOptions.DEFAULT);
    }

    /** Publishes events, as options say; see {@link #publish(Event...)}. */
    public Published publish(List<Event> events, PublishOptions options) {
        return Calls.await(publishAsync(events, options));
    }

    /** Publishes events without waiting; see {@link #publish(Event...)}. */
    public CompletableFuture<Published> publishAsync(
            List<Event> events, PublishOptions options) {
        PublishRequest.Builder request =
                PublishRequest.newBuilder().setIdempotencyKey(options.idempotencyKey());
        for (Event event : events) request.addEvents(event.toWire());
        Scope scope = new Scope(options.timeoutOr(timeout));
        return scope.future(
                calls.safe(EventServiceGrpc.getPublishMethod(), request.build(), scope)
                        .thenApply(
                                answer ->
                                        new Published(
                                                List.copyOf(answer.getIdsList()),
                                                answer.getConsistencyToken())));
    }

    /**
     * Subscribes to the events of 1 to 16 topics: {@code page.updated}, {@code page.*} for all
     * that begin with {@code page.}, or {@code *}. An event comes at least once; those of one key
     * come in their order.
     */
    public Subscription subscribe(String... topics) {
        return subscribe(List.of(topics), SubscribeOptions.DEFAULT);
    }

    /** Subscribes to events, as options say; see {@link #subscribe(String...)}. */
    public Subscription subscribe(List<String> topics, SubscribeOptions options) {
        return new Subscription(calls, topics, options);
    }

    /**
     * Carries calls of generated stubs, such as {@code RegistryServiceGrpc.newBlockingStub}, to the
     * address of the moment, with the key, and with the client's timeout where they set none.
     * Nothing is tried again; {@link WeirException#from} reads what they throw.
     */
    public Channel channel() {
        return addresses;
    }

    /** Ends the connections; calls under way fail. */
    @Override
    public void close() {
        addresses.close();
    }

    private CompletableFuture<List<Outcome>> fetchWithin(
            Scope scope, List<ContextRef> refs, FetchOptions options) {
        return new Fetching(calls, refs, options, minQuality, scope)
                .run()
                .thenCompose(outcomes -> links.followAll(outcomes, options, scope));
    }

    private CompletableFuture<ContextPage> listPage(ListOptions options, String pageToken) {
        Scope scope = new Scope(options.timeoutOr(timeout));
        return scope.future(
                calls.safe(
                                RouterServiceGrpc.getListContextMethod(),
                                options.request(pageToken),
                                scope)
                        .thenApply(Weir::pageOf));
    }

    private static ContextPage pageOf(ListContextResponse wire) {
        return new ContextPage(
                wire.getEntriesList().stream().map(ContextEntry::read).toList(),
                wire.getNextPageToken(),
                wire.getGapsList().stream().map(ListGap::read).toList());
    }

    private static <T> Stream<T> streamOf(Iterator<T> source) {
        int traits = Spliterator.ORDERED | Spliterator.NONNULL;
        return StreamSupport.stream(
                Spliterators.spliteratorUnknownSize(source, traits), false);
    }

    private static String checkKey(String key) {
        if (key.matches("[\\x21-\\x7e]+")) return key;
        throw new IllegalArgumentException(
                "key is empty or holds characters that no API key holds: give `weir_...`");
    }

    /** Says how to reach Weir. */
    public static final class Builder {
        private List<String> urls = List.of();
        private String key = "";
        private Duration timeout = TIMEOUT;
        private int retries = RETRIES;
        private double minQuality;

        private Builder() {}

        /**
         * Where Weir listens, such as {@code http://127.0.0.1:7070}. Of several addresses, at most
         * 16, the first is used until it is UNAVAILABLE, then the next one; subscriptions go on
         * there from where they were.
         */
        public Builder url(String... values) {
            List<String> given = new ArrayList<>();
            for (String each : values) given.add(each.trim());
            urls = given;
            return this;
        }

        /** The API key, {@code weir_...}, or an access token of an issuer that Weir knows. */
        public Builder key(String value) {
            key = value;
            return this;
        }

        /** The time of a call that sets none itself, retries included. Default: 10 s. */
        public Builder timeout(Duration value) {
            timeout = Limits.timeout(value);
            return this;
        }

        /** How often a safe call is tried again at most. Default: 3. */
        public Builder retries(int value) {
            if (value < 0) throw new IllegalArgumentException("retries is below 0");
            retries = value;
            return this;
        }

        /** The least quality acceptable where a fetch does not say, from 0 to 1. Default: any. */
        public Builder minQuality(double value) {
            minQuality = Limits.share("minQuality", value);
            return this;
        }

        /**
         * The client.
         *
         * @throws IllegalArgumentException when an address or the key cannot be right
         */
        public Weir build() {
            return new Weir(this);
        }
    }
}

package dev.weir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import com.sun.net.httpserver.HttpServer;
import dev.weir.context.v1.Item;
import dev.weir.context.v1.ItemResult;
import dev.weir.errors.v1.Reason;
import dev.weir.events.v1.DeliveredEvent;
import dev.weir.events.v1.EventServiceGrpc.EventServiceImplBase;
import dev.weir.events.v1.PublishRequest;
import dev.weir.events.v1.PublishResponse;
import dev.weir.events.v1.SubscribeRequest;
import dev.weir.events.v1.SubscribeResponse;
import dev.weir.google.rpc.BadRequest;
import dev.weir.google.rpc.ErrorInfo;
import dev.weir.google.rpc.RetryInfo;
import dev.weir.provider.v1.Progress;
import dev.weir.router.v1.FetchContextRequest;
import dev.weir.router.v1.FetchContextResponse;
import dev.weir.router.v1.ListContextRequest;
import dev.weir.router.v1.ListContextResponse;
import dev.weir.router.v1.RouterServiceGrpc.RouterServiceImplBase;
import dev.weir.router.v1.StreamContextRequest;
import dev.weir.router.v1.StreamContextResponse;
import dev.weir.tools.v1.CallToolRequest;
import dev.weir.tools.v1.CallToolResponse;
import dev.weir.tools.v1.ToolServiceGrpc.ToolServiceImplBase;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.ClosedChannelException;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class WeirTest {
    private static final String KEY = "weir_test_key";
    private static final Duration LONG = Duration.ofSeconds(60);

    private static Weir weir(String... urls) {
        return Weir.builder().url(urls).key(KEY).timeout(LONG).build();
    }

    /** A router that has a value for every key but those that begin with "missing". */
    private static class Router extends RouterServiceImplBase {
        final List<Integer> batches = new CopyOnWriteArrayList<>();

        @Override
        public void fetchContext(
                FetchContextRequest request, StreamObserver<FetchContextResponse> caller) {
            batches.add(request.getRefsCount());
            FetchContextResponse.Builder response = FetchContextResponse.newBuilder();
            for (int at = 0; at < request.getRefsCount(); at++) {
                response.addResults(resultOf(request, at));
            }
            caller.onNext(response.build());
            caller.onCompleted();
        }

        ItemResult.Builder resultOf(FetchContextRequest request, int at) {
            String key = request.getRefs(at).getKey();
            if (key.startsWith("missing")) return refused(at, 5, Reason.REASON_KEY_NOT_FOUND);
            return ItemResult.newBuilder()
                    .setIndex(at)
                    .setItem(
                            Item.newBuilder()
                                    .setContentType("text/plain")
                                    .setPayload(ByteString.copyFromUtf8(key)));
        }

        static ItemResult.Builder refused(int at, int code, Reason reason) {
            ItemResult.Builder result = ItemResult.newBuilder().setIndex(at);
            result.getRefusalBuilder().setCode(code).setReason(reason).setText("refused");
            return result;
        }
    }

    private static List<ContextRef> refs(int count) {
        return IntStream.range(0, count).mapToObj(at -> ContextRef.of("Thing", "k" + at)).toList();
    }

    private static StatusRuntimeException detailed(Status status, Message... details) {
        UnknownFieldSet.Builder fields = UnknownFieldSet.newBuilder();
        for (Message each : details) {
            ByteString bytes = Any.pack(each).toByteString();
            fields.mergeField(3, Field.newBuilder().addLengthDelimited(bytes).build());
        }
        Metadata trailers = new Metadata();
        trailers.put(
                Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER),
                fields.build().toByteArray());
        return status.asRuntimeException(trailers);
    }

    @Test
    void outcomesStandInTheOrderOfTheRefs() {
        Router router = new Router();
        try (var fake = new FakeWeir(router);
                var weir = weir(fake.url())) {
            List<Outcome> outcomes = weir.fetch(refs(600), FetchOptions.DEFAULT);
            for (int at = 0; at < 600; at++) {
                assertEquals("k" + at, outcomes.get(at).itemOrThrow().value());
            }
            assertEquals(List.of(88, 256, 256), router.batches.stream().sorted().toList());
            assertEquals("Bearer " + KEY, fake.credentials().get(0));
            Outcome missing = weir.fetch("Thing/missing").get(0);
            var refused = assertInstanceOf(Outcome.Refused.class, missing);
            assertEquals("KEY_NOT_FOUND", refused.refusal().reasonName());
            assertThrows(ItemRefusedException.class, () -> weir.get("Thing", "missing"));
            assertEquals(List.of(), weir.fetch(List.of(), FetchOptions.DEFAULT));
        }
    }

    @Test
    void whatIsOverTheBudgetIsAskedForAgain() {
        Router router =
                new Router() {
                    @Override
                    ItemResult.Builder resultOf(FetchContextRequest request, int at) {
                        boolean isOver = at >= 3 || request.getRefs(at).getKey().equals("k7");
                        return isOver
                                ? refused(at, 8, Reason.REASON_RESPONSE_BUDGET)
                                : super.resultOf(request, at);
                    }
                };
        try (var fake = new FakeWeir(router);
                var weir = weir(fake.url())) {
            List<Outcome> outcomes = weir.fetch(refs(20), FetchOptions.DEFAULT);
            for (int at = 0; at < 20; at++) {
                boolean hasArrived = outcomes.get(at) instanceof Outcome.Arrived;
                assertEquals(at != 7, hasArrived, "k" + at);
            }
        }
    }

    @Test
    void aSafeCallIsTriedAgainAndOthersAreNot() {
        try (var fake = new FakeWeir(new Router(), new ToolServiceImplBase() {});
                var weir = weir(fake.url())) {
            fake.fail("FetchContext", Status.UNAVAILABLE, Status.UNAVAILABLE);
            assertEquals("a", weir.get("Thing", "a").value());
            assertEquals(3, fake.calls().size());
            fake.fail("FetchContext", Status.PERMISSION_DENIED);
            var error = assertThrows(WeirException.class, () -> weir.get("Thing", "a"));
            assertEquals(Status.Code.PERMISSION_DENIED, error.code());
            assertEquals(4, fake.calls().size());
            fake.fail("CallTool", Status.UNAVAILABLE);
            assertThrows(WeirException.class, () -> weir.call("x__y", Map.of()));
            assertEquals(5, fake.calls().size());
        }
    }

    @Test
    void afterManyFailuresNothingIsTriedAgain() {
        try (var fake = new FakeWeir(new Router());
                var weir = weir(fake.url())) {
            for (int each = 0; each < 12; each++) {
                fake.fail("FetchContext", Status.UNAVAILABLE, Status.UNAVAILABLE);
                fake.fail("FetchContext", Status.UNAVAILABLE, Status.UNAVAILABLE);
                assertThrows(WeirException.class, () -> weir.get("Thing", "a"));
            }
            // 12 first tries, and fewer retries than the 36 that the calls would take alone.
            assertTrue(fake.calls().size() < 12 + 12, "calls: " + fake.calls().size());
        }
    }

    @Test
    void theDetailsOfAnErrorAreRead() {
        BadRequest.Builder faults = BadRequest.newBuilder();
        faults.addFieldViolationsBuilder().setField("refs[1]").setDescription("is empty");
        RetryInfo.Builder retry = RetryInfo.newBuilder();
        retry.getRetryDelayBuilder().setSeconds(90);
        ErrorInfo info =
                ErrorInfo.newBuilder()
                        .setDomain("weir")
                        .setReason("REASON_QUOTA_EXCEEDED")
                        .putMetadata("request_id", "r1")
                        .build();
        try (var fake = new FakeWeir(new Router());
                var weir = weir(fake.url())) {
            Status status = Status.RESOURCE_EXHAUSTED.withDescription("too much");
            fake.fail("FetchContext", detailed(status, info, retry.build(), faults.build()));
            var error = assertThrows(WeirException.class, () -> weir.get("Thing", "a"));
            assertEquals(Status.Code.RESOURCE_EXHAUSTED, error.code());
            assertEquals(Reason.REASON_QUOTA_EXCEEDED, error.reason());
            assertEquals("too much", error.text());
            assertEquals(Duration.ofSeconds(90), error.retryDelay().orElseThrow());
            assertEquals(List.of(new Violation("refs[1]", "is empty")), error.violations());
            assertEquals("r1", error.requestId().orElseThrow());
            assertTrue(error.getMessage().contains("refs[1]: is empty"));
        }
    }

    @Test
    void callsGoToTheNextAddressWhenOneIsDead() throws IOException {
        int dead;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            dead = socket.getLocalPort();
        }
        try (var fake = new FakeWeir(new Router());
                var weir = weir("http://127.0.0.1:" + dead, fake.url())) {
            assertEquals("a", weir.get("Thing", "a").value());
            assertEquals("b", weir.get("Thing", "b").value());
        }
    }

    @Test
    void aConnectionThatBrokeIsAWeirThatIsAway() {
        Status reset = Status.INTERNAL.withDescription("RST_STREAM. HTTP/2 error code: CANCEL");
        List<Status> broken =
                List.of(
                        Status.UNKNOWN.withCause(new ClosedChannelException()),
                        Status.CANCELLED.withDescription("nobody asked for that"),
                        Status.INTERNAL.withDescription("Received unexpected EOS on DATA frame"),
                        reset);
        for (Status each : broken) {
            assertEquals(Status.Code.UNAVAILABLE, Addresses.heldFor(each).getCode());
        }
        List<Status> told =
                List.of(
                        Status.UNKNOWN.withDescription("the server said so"),
                        Status.INTERNAL.withDescription("the provider failed"),
                        Status.RESOURCE_EXHAUSTED,
                        Status.DEADLINE_EXCEEDED);
        for (Status each : told) assertEquals(each, Addresses.heldFor(each));
    }

    @Test
    void addressesThatCannotBeRightAreRefused() {
        for (String url : List.of("ftp://a", "http://user:x@a", "nothing", "http://a/b", "")) {
            assertThrows(IllegalArgumentException.class, () -> Weir.connect(url, KEY), url);
        }
        assertThrows(
                IllegalArgumentException.class, () -> Weir.connect("http://127.0.0.1:1", "a b"));
    }

    /** A router that never answers. */
    private static final class Silent extends RouterServiceImplBase {
        final CountDownLatch asked = new CountDownLatch(1);
        final CountDownLatch left = new CountDownLatch(1);

        @Override
        public void fetchContext(
                FetchContextRequest request, StreamObserver<FetchContextResponse> caller) {
            io.grpc.Context.current().addListener(each -> left.countDown(), Runnable::run);
            asked.countDown();
        }
    }

    @Test
    void aCallThatIsLateEnds() {
        try (var fake = new FakeWeir(new Silent());
                var weir = weir(fake.url())) {
            FetchOptions options = FetchOptions.builder().timeout(Duration.ofMillis(200)).build();
            var error =
                    assertThrows(
                            WeirException.class,
                            () -> weir.get(ContextRef.of("Thing", "a"), options));
            assertEquals(Status.Code.DEADLINE_EXCEEDED, error.code());
            assertEquals(Reason.REASON_DEADLINE_EXCEEDED, error.reason());
        }
    }

    @Test
    void aFutureThatIsCancelledCancelsItsCall() throws InterruptedException {
        Silent router = new Silent();
        try (var fake = new FakeWeir(router);
                var weir = weir(fake.url())) {
            CompletableFuture<ContextItem> item =
                    weir.getAsync(ContextRef.of("Thing", "a"), FetchOptions.DEFAULT);
            assertTrue(router.asked.await(60, TimeUnit.SECONDS));
            item.cancel(true);
            assertThrows(CancellationException.class, item::join);
            assertTrue(router.left.await(60, TimeUnit.SECONDS));
        }
    }

    @Test
    void aThreadThatIsInterruptedLeavesItsCall() throws Exception {
        Silent router = new Silent();
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        try (var fake = new FakeWeir(router);
                var weir = weir(fake.url())) {
            Thread thread =
                    new Thread(
                            () -> {
                                try {
                                    weir.get("Thing", "a");
                                } catch (RuntimeException error) {
                                    thrown.complete(error);
                                }
                            });
            thread.start();
            assertTrue(router.asked.await(60, TimeUnit.SECONDS));
            thread.interrupt();
            var error =
                    assertInstanceOf(WeirException.class, thrown.get(60, TimeUnit.SECONDS));
            assertEquals(Status.Code.CANCELLED, error.code());
            assertTrue(router.left.await(60, TimeUnit.SECONDS));
        }
    }

    @Test
    void aStreamGoesOnWithWhatIsStillOpen() {
        List<Integer> asked = new CopyOnWriteArrayList<>();
        var router =
                new Router() {
                    @Override
                    public void streamContext(
                            StreamContextRequest request,
                            StreamObserver<StreamContextResponse> caller) {
                        int count = request.getFetch().getRefsCount();
                        asked.add(count);
                        int sent = asked.size() == 1 ? 3 : count;
                        for (int at = 0; at < sent; at++) {
                            caller.onNext(
                                    StreamContextResponse.newBuilder()
                                            .setResult(resultOf(request.getFetch(), at))
                                            .build());
                        }
                        if (sent < count) caller.onError(Status.UNAVAILABLE.asRuntimeException());
                        else caller.onCompleted();
                    }
                };
        try (var fake = new FakeWeir(router);
                var weir = weir(fake.url());
                var stream = weir.stream(refs(10), FetchOptions.DEFAULT)) {
            List<Object> values = stream.map(each -> each.itemOrThrow().value()).toList();
            assertEquals(
                    refs(10).stream().map(ContextRef::key).toList(),
                    values.stream().sorted().toList());
            assertEquals(List.of(10, 7), asked);
        }
    }

    @Test
    void aListGoesFromPageToPage() {
        var router =
                new RouterServiceImplBase() {
                    @Override
                    public void listContext(
                            ListContextRequest request,
                            StreamObserver<ListContextResponse> caller) {
                        int page = request.getPageToken().length();
                        ListContextResponse.Builder response = ListContextResponse.newBuilder();
                        response.addEntriesBuilder().setTitle("entry " + page);
                        response.addGapsBuilder().setProvider("away");
                        if (page < 2) response.setNextPageToken("x".repeat(page + 1));
                        caller.onNext(response.build());
                        caller.onCompleted();
                    }
                };
        List<String> gaps = new ArrayList<>();
        try (var fake = new FakeWeir(router);
                var weir = weir(fake.url())) {
            ListOptions options =
                    ListOptions.builder().onGap(gap -> gaps.add(gap.provider())).build();
            List<String> titles = weir.list(options).map(ContextEntry::title).toList();
            assertEquals(List.of("entry 0", "entry 1", "entry 2"), titles);
            assertEquals(List.of("away", "away", "away"), gaps);
            assertEquals(1, weir.list(options).limit(1).count());
        }
    }

    @Test
    void aToolTellsHowFarItIs() {
        var tools =
                new ToolServiceImplBase() {
                    @Override
                    public void callTool(
                            CallToolRequest request, StreamObserver<CallToolResponse> caller) {
                        CallToolResponse.Builder told = CallToolResponse.newBuilder();
                        if (request.getWantsProgress()) {
                            told.setProgress(Progress.newBuilder().setProgress(1));
                            caller.onNext(told.build());
                        }
                        CallToolResponse.Builder last = CallToolResponse.newBuilder();
                        last.getResultBuilder()
                                .setPayload(request.getArguments())
                                .setContentType("application/json");
                        caller.onNext(last.build());
                        caller.onCompleted();
                    }
                };
        List<Double> progress = new CopyOnWriteArrayList<>();
        ToolOptions options =
                ToolOptions.builder().onProgress(each -> progress.add(each.progress())).build();
        try (var fake = new FakeWeir(tools);
                var weir = weir(fake.url())) {
            ToolResult result = weir.call("x__y", Map.of("a", 1), options);
            assertEquals("{\"a\":1}", result.json().toString());
            assertFalse(result.isError());
            assertEquals(List.of(1.0), progress);
        }
    }

    @Test
    void aLargeValueIsFollowedToItsLinkAndChecked() throws Exception {
        byte[] value = new byte[5_000_000];
        for (int at = 0; at < value.length; at++) value[at] = (byte) (at % 251);
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(value);
        HttpServer blobs =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        blobs.createContext(
                "/",
                exchange -> {
                    boolean isThere = exchange.getRequestURI().getPath().equals("/value");
                    exchange.sendResponseHeaders(isThere ? 200 : 404, isThere ? value.length : -1);
                    if (isThere) exchange.getResponseBody().write(value);
                    exchange.close();
                });
        blobs.start();
        String base = "http://127.0.0.1:" + blobs.getAddress().getPort();
        var router =
                new Router() {
                    @Override
                    ItemResult.Builder resultOf(FetchContextRequest request, int at) {
                        String key = request.getRefs(at).getKey();
                        byte[] claimed = key.equals("other") ? new byte[32] : hash;
                        String path = key.equals("gone") ? "/" : "/value";
                        int size = key.equals("shorter") ? value.length - 1 : value.length;
                        return ItemResult.newBuilder()
                                .setIndex(at)
                                .setItem(
                                        Item.newBuilder()
                                                .setContentType("application/octet-stream")
                                                .setUrl(base + path)
                                                .setSha256(ByteString.copyFrom(claimed))
                                                .setSizeBytes(size));
                    }
                };
        try (var fake = new FakeWeir(router);
                var weir = weir(fake.url())) {
            assertArrayEquals(value, weir.get("Thing", "a").bytes());
            assertEquals(Status.Code.DATA_LOSS, refusalOf(weir, "other").code());
            assertEquals(Status.Code.DATA_LOSS, refusalOf(weir, "shorter").code());
            assertEquals(Status.Code.UNAVAILABLE, refusalOf(weir, "gone").code());
            assertTrue(refusalOf(weir, "gone").text().contains("holds no more"));
            FetchOptions small = FetchOptions.builder().maxValueBytes(1_000).build();
            var tooLarge =
                    assertThrows(
                            ItemRefusedException.class,
                            () -> weir.get(ContextRef.of("Thing", "a"), small));
            assertEquals(Reason.REASON_ITEM_TOO_LARGE, tooLarge.refusal().reason());
            FetchOptions kept = FetchOptions.builder().keepLinks().build();
            try (InputStream stream = weir.open(weir.get(ContextRef.of("Thing", "a"), kept))) {
                assertArrayEquals(value, stream.readAllBytes());
            }
            ContextItem other = weir.get(ContextRef.of("Thing", "other"), kept);
            try (InputStream stream = weir.open(other)) {
                assertThrows(IOException.class, stream::readAllBytes);
            }
        } finally {
            blobs.stop(0);
        }
    }

    private static Refusal refusalOf(Weir weir, String key) {
        return assertThrows(ItemRefusedException.class, () -> weir.get("Thing", key)).refusal();
    }

    @Test
    void aPublishIsTriedAgainUnderOneIdempotencyKey() {
        List<String> keys = new CopyOnWriteArrayList<>();
        var events =
                new EventServiceImplBase() {
                    @Override
                    public void publish(
                            PublishRequest request, StreamObserver<PublishResponse> caller) {
                        keys.add(request.getIdempotencyKey());
                        if (keys.size() == 1) {
                            caller.onError(Status.UNAVAILABLE.asRuntimeException());
                            return;
                        }
                        caller.onNext(PublishResponse.newBuilder().addIds("e1").build());
                        caller.onCompleted();
                    }
                };
        try (var fake = new FakeWeir(events);
                var weir = weir(fake.url())) {
            Published published = weir.publish(Event.builder("a.b").data(Map.of("n", 1)).build());
            assertEquals(List.of("e1"), published.ids());
            assertEquals(2, keys.size());
            assertEquals(keys.get(0), keys.get(1));
            assertFalse(keys.get(0).isEmpty());
        }
    }

    /** Events 1, 2, 3 …, two in a call, which then breaks off. */
    private static final class Breaking extends EventServiceImplBase {
        final List<String> cursors = new CopyOnWriteArrayList<>();

        @Override
        public void subscribe(
                SubscribeRequest request, StreamObserver<SubscribeResponse> caller) {
            cursors.add(request.getCursor());
            long after = request.getCursor().isEmpty() ? 0 : Long.parseLong(request.getCursor());
            // What came before comes again, as it may.
            for (long position = Math.max(1, after); position <= after + 2; position++) {
                DeliveredEvent.Builder event =
                        DeliveredEvent.newBuilder().setPosition(position);
                event.getEventBuilder().setTopic("a.b").setKey("k" + position);
                caller.onNext(
                        SubscribeResponse.newBuilder()
                                .addEvents(event)
                                .setCursor("" + position)
                                .build());
            }
            caller.onError(Status.UNAVAILABLE.asRuntimeException());
        }
    }

    @Test
    void aSubscriptionGoesOnFromItsLastCursor() {
        Breaking events = new Breaking();
        List<String> breaks = new CopyOnWriteArrayList<>();
        List<String> handled = new CopyOnWriteArrayList<>();
        SubscribeOptions options =
                SubscribeOptions.builder()
                        .onBreak(error -> breaks.add(error.code().name()))
                        .onCursor(handled::add)
                        .build();
        try (var fake = new FakeWeir(events);
                var weir = weir(fake.url());
                var subscription = weir.subscribe(List.of("a.*"), options)) {
            List<String> keys = new ArrayList<>();
            for (int each = 0; each < 5; each++) keys.add(subscription.next().key());
            assertEquals(List.of("k1", "k2", "k3", "k4", "k5"), keys);
            assertEquals(List.of("", "2", "4"), events.cursors);
            assertEquals(List.of("UNAVAILABLE", "UNAVAILABLE"), breaks);
            assertEquals("4", handled.get(handled.size() - 1));
        }
    }

    @Test
    void aSubscriptionThatIsRefusedEnds() {
        try (var fake = new FakeWeir(new Breaking());
                var weir = weir(fake.url());
                var subscription = weir.subscribe("a.*")) {
            fake.fail("Subscribe", Status.OUT_OF_RANGE);
            var error = assertThrows(WeirException.class, subscription::hasNext);
            assertEquals(Status.Code.OUT_OF_RANGE, error.code());
        }
    }

    /** Says nothing at first, and one event to who asks again. */
    private static final class Hushed extends EventServiceImplBase {
        private boolean wasAsked;

        @Override
        public synchronized void subscribe(
                SubscribeRequest request, StreamObserver<SubscribeResponse> caller) {
            if (wasAsked) {
                caller.onNext(
                        SubscribeResponse.newBuilder()
                                .addEvents(DeliveredEvent.newBuilder().setPosition(1))
                                .setCursor("1")
                                .build());
            }
            wasAsked = true;
        }
    }

    @Test
    void aSilentSubscriptionIsTakenUpAgainAndCanBeClosed() throws Exception {
        Addresses addresses = null;
        try (var fake = new FakeWeir(new Hushed())) {
            addresses = new Addresses(List.of(fake.url()), KEY, LONG);
            Subscription subscription =
                    new Subscription(
                            new Calls(addresses, 3),
                            List.of("a"),
                            SubscribeOptions.DEFAULT,
                            Duration.ofMillis(100));
            assertEquals(1, subscription.next().position());
            CompletableFuture<Boolean> more =
                    CompletableFuture.supplyAsync(subscription::hasNext);
            subscription.close();
            assertFalse(more.get(60, TimeUnit.SECONDS));
        } finally {
            if (addresses != null) addresses.close();
        }
    }
}

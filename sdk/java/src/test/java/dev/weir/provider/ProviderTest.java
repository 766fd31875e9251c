package dev.weir.provider;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.weir.ItemRefusedException;
import dev.weir.Sensitivity;
import dev.weir.provider.v1.CallResponse;
import dev.weir.provider.v1.FetchQuery;
import dev.weir.provider.v1.FetchRequest;
import dev.weir.provider.v1.FetchResponse;
import dev.weir.provider.v1.ListResponse;
import dev.weir.provider.v1.ProviderServiceGrpc;
import dev.weir.testing.TestOutcome;
import dev.weir.testing.TestProvider;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayInputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ProviderTest {
    private static Provider providing(ContextSource.Fetch fetch) {
        return with(ContextSource.builder("Thing", "1.0.0").fetch(fetch));
    }

    private static Provider with(ContextSource.Builder source) {
        return Provider.builder("things", "1.0.0").context(source.build()).build();
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        for (int at = 0; at < count; at++) bytes[at] = (byte) (at % 251);
        return bytes;
    }

    record Thing(String name, Integer size) {}

    @Test
    void valuesAreJsonTextOrBytes() {
        Map<String, Object> values =
                Map.of(
                        "record", new Thing("<größe>", null),
                        "text", "plain words",
                        "bytes", new byte[] {1, 2, 3});
        try (var test =
                TestProvider.open(
                        providing(query -> ContextAnswer.ofNullable(values.get(query.key()))))) {
            TestOutcome.Content json = test.fetch("Thing", "record");
            assertEquals("application/json", json.contentType());
            assertEquals("<größe>", json.as(Thing.class).name());
            assertEquals(JsonNull.INSTANCE, ((JsonObject) json.value()).get("size"));
            assertEquals("plain words", test.fetch("Thing", "text").value());
            assertArrayEquals(new byte[] {1, 2, 3}, test.fetch("Thing", "bytes").bytes());
            assertInstanceOf(TestOutcome.NotFound.class, test.query("Thing", "other"));
            assertThrows(ItemRefusedException.class, () -> test.fetch("Thing", "other"));
        }
    }

    @Test
    void whatIsKnownOfAValueArrives() {
        Instant asOf = Instant.parse("2026-01-02T03:04:05.678Z");
        ContextValue value =
                ContextValue.builder("x")
                        .asOf(asOf)
                        .ttl(Duration.ofMillis(1_500))
                        .quality(0.5)
                        .sensitivity(Sensitivity.CONFIDENTIAL)
                        .labels(Map.of("a", "b"))
                        .owner("ann")
                        .source("a.txt:1")
                        .build();
        try (var test = TestProvider.open(providing(query -> value))) {
            TestOutcome.Content content = test.fetch("Thing", "a");
            assertEquals(asOf, content.asOf().orElseThrow());
            assertEquals(Duration.ofMillis(1_500), content.ttl().orElseThrow());
            assertEquals(0.5, content.quality().orElseThrow());
            assertEquals(Sensitivity.CONFIDENTIAL, content.sensitivity().orElseThrow());
            assertEquals(Map.of("a", "b"), content.labels());
            assertEquals("ann", content.owner());
            assertEquals("a.txt:1", content.source());
        }
    }

    @Test
    void aValueWithoutAnEtagIsHashedAndNotSentAgain() {
        try (var test = TestProvider.open(providing(query -> ContextAnswer.of("same")))) {
            String etag = test.fetch("Thing", "a").etag();
            // The first 22 characters of the base64url of the SHA-256 of "same".
            assertEquals("CWcRXygTo1Qervd96dnVdz", etag);
            assertInstanceOf(
                    TestOutcome.NotModified.class, test.query("Thing", "a", etag));
            assertInstanceOf(TestOutcome.Content.class, test.query("Thing", "a", "other"));
        }
    }

    @Test
    void ofAnErrorThatIsNoneOfTheSdkCallersLearnNothing() throws InterruptedException {
        BlockingQueue<ProviderEvent> events = new LinkedBlockingQueue<>();
        Provider provider =
                providing(
                        query -> {
                            throw new IllegalStateException("secret words");
                        });
        try (var test = TestProvider.open(provider, events::add)) {
            var failure =
                    assertInstanceOf(TestOutcome.Failure.class, test.query("Thing", "a"));
            assertEquals(Status.Code.INTERNAL, failure.code());
            assertEquals("the provider failed", failure.text());
            ProviderEvent event = events.poll(60, TimeUnit.SECONDS);
            assertEquals("Thing/a", event.text());
            assertEquals("secret words", event.error().orElseThrow().getMessage());
        }
    }

    @Test
    void aProvidersOwnErrorIsTold() {
        Provider provider =
                providing(
                        query -> {
                            throw new ProviderException(Status.Code.UNAVAILABLE, "come back")
                                    .retryAfter(Duration.ofSeconds(5));
                        });
        try (var test = TestProvider.open(provider)) {
            var failure =
                    assertInstanceOf(TestOutcome.Failure.class, test.query("Thing", "a"));
            assertEquals(Status.Code.UNAVAILABLE, failure.code());
            assertEquals("come back", failure.text());
            assertEquals(Duration.ofSeconds(5), failure.retryDelay().orElseThrow());
        }
    }

    @Test
    void aSlowValueHoldsUpNoOther() throws InterruptedException {
        CountDownLatch released = new CountDownLatch(1);
        Provider provider =
                providing(
                        query -> {
                            if (query.key().equals("slow")) released.await();
                            return ContextAnswer.of(query.key());
                        });
        try (var test = TestProvider.open(provider)) {
            FetchRequest request =
                    FetchRequest.newBuilder()
                            .addQueries(query("slow"))
                            .addQueries(query("quick"))
                            .build();
            Iterator<FetchResponse> responses =
                    ProviderServiceGrpc.newBlockingStub(test.channel()).fetch(request);
            assertEquals(1, responses.next().getResults(0).getIndex());
            released.countDown();
            assertEquals(0, responses.next().getResults(0).getIndex());
            assertFalse(responses.hasNext());
        }
    }

    private static FetchQuery query(String key) {
        return FetchQuery.newBuilder().setType("Thing").setKey(key).build();
    }

    @Test
    void noMoreQueriesRunAtOnceThanTheProviderTakes() {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        ContextSource source =
                ContextSource.builder("Thing", "1.0.0")
                        .fetch(
                                query -> {
                                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                                    Thread.sleep(2);
                                    running.decrementAndGet();
                                    return ContextAnswer.of(query.key());
                                })
                        .build();
        Provider provider =
                Provider.builder("things", "1.0.0").context(source).concurrency(3).build();
        try (var test = TestProvider.open(provider)) {
            List<String> keys = IntStream.range(0, 50).mapToObj(each -> "k" + each).toList();
            List<TestOutcome> outcomes = test.queryAll("Thing", keys);
            for (int at = 0; at < keys.size(); at++) {
                var content = assertInstanceOf(TestOutcome.Content.class, outcomes.get(at));
                assertEquals(keys.get(at), content.value());
            }
            assertTrue(most.get() <= 3, "at once: " + most);
        }
    }

    @Test
    void manyAtOnceStandInTheirOrderAndFailAlone() {
        var source =
                ContextSource.builder("Thing", "1.0.0")
                        .fetchMany(
                                queries ->
                                        queries.stream()
                                                .map(query -> answerOf(query.key()))
                                                .toList());
        try (var test = TestProvider.open(with(source))) {
            List<TestOutcome> outcomes = test.queryAll("Thing", List.of("a", "bad", "c"));
            assertEquals("a", ((TestOutcome.Content) outcomes.get(0)).value());
            assertEquals("bad", ((TestOutcome.Failure) outcomes.get(1)).text());
            assertEquals("c", ((TestOutcome.Content) outcomes.get(2)).value());
        }
    }

    private static ContextAnswer answerOf(String key) {
        return key.equals("bad")
                ? ContextAnswer.failed(new ProviderException(Status.Code.ABORTED, "bad"))
                : ContextAnswer.of(key);
    }

    @Test
    void tooFewAnswersToManyQueriesAreAnError() throws InterruptedException {
        BlockingQueue<ProviderEvent> events = new LinkedBlockingQueue<>();
        var source = ContextSource.builder("Thing", "1.0.0").fetchMany(queries -> List.of());
        try (var test = TestProvider.open(with(source), events::add)) {
            assertInstanceOf(TestOutcome.Failure.class, test.query("Thing", "a"));
            ProviderEvent event = events.poll(60, TimeUnit.SECONDS);
            assertTrue(event.error().orElseThrow().getMessage().contains("0 answers"));
        }
    }

    @Test
    void aFutureHoldsNoThread() {
        CompletableFuture<ContextAnswer> answer = new CompletableFuture<>();
        var source =
                ContextSource.builder("Thing", "1.0.0")
                        .fetchAsync(
                                query -> {
                                    answer.completeAsync(() -> ContextAnswer.of("later"));
                                    return answer;
                                });
        try (var test = TestProvider.open(with(source))) {
            assertEquals("later", test.fetch("Thing", "a").value());
        }
    }

    @Test
    void aStreamOfAFutureIsReadToo() {
        byte[] large = bytes(3_000_000);
        var source =
                ContextSource.builder("Thing", "1.0.0")
                        .fetchAsync(
                                query ->
                                        CompletableFuture.completedFuture(
                                                ContextValue.builder(
                                                                new ByteArrayInputStream(large),
                                                                large.length)
                                                        .build()));
        try (var test = TestProvider.open(with(source))) {
            assertArrayEquals(large, test.fetch("Thing", "a").bytes());
        }
    }

    @Test
    void aLargeValueTravelsInParts() {
        byte[] large = bytes(9_000_000);
        try (var test = TestProvider.open(providing(query -> ContextAnswer.of(large)))) {
            assertArrayEquals(large, test.fetch("Thing", "a").bytes());
            Iterator<FetchResponse> responses =
                    ProviderServiceGrpc.newBlockingStub(test.channel())
                            .fetch(FetchRequest.newBuilder().addQueries(query("a")).build());
            while (responses.hasNext()) {
                assertTrue(responses.next().getSerializedSize() <= 4 * 1024 * 1024 + 1024);
            }
        }
    }

    @Test
    void aStreamMustHoldAsManyBytesAsItsAuthorSaid() {
        byte[] large = bytes(5_000_000);
        Provider provider =
                providing(
                        query -> {
                            int named = large.length + Integer.parseInt(query.key());
                            return ContextValue.builder(new ByteArrayInputStream(large), named)
                                    .build();
                        });
        try (var test = TestProvider.open(provider, event -> {})) {
            assertArrayEquals(large, test.fetch("Thing", "0").bytes());
            assertInstanceOf(TestOutcome.Failure.class, test.query("Thing", "1"));
            assertInstanceOf(TestOutcome.Failure.class, test.query("Thing", "-1"));
        }
    }

    @Test
    void whoIsNotWaitedForIsInterrupted() throws InterruptedException {
        CountDownLatch began = new CountDownLatch(1);
        BlockingQueue<String> ends = new LinkedBlockingQueue<>();
        Provider provider =
                providing(
                        query -> {
                            query.cancellation().onCancel(() -> ends.add("told"));
                            began.countDown();
                            try {
                                Thread.sleep(600_000);
                            } catch (InterruptedException error) {
                                ends.add("interrupted");
                            }
                            return null;
                        });
        try (var test = TestProvider.open(provider)) {
            FetchRequest request = FetchRequest.newBuilder().addQueries(query("a")).build();
            var call = ProviderServiceGrpc.newFutureStub(test.channel());
            var context = io.grpc.Context.current().withCancellation();
            context.run(
                    () ->
                            ProviderServiceGrpc.newStub(call.getChannel())
                                    .fetch(request, new Ignoring<>()));
            assertTrue(began.await(60, TimeUnit.SECONDS));
            context.cancel(null);
            List<String> both =
                    List.of(
                            String.valueOf(ends.poll(60, TimeUnit.SECONDS)),
                            String.valueOf(ends.poll(60, TimeUnit.SECONDS)));
            assertEquals(List.of("interrupted", "told"), both.stream().sorted().toList());
        }
    }

    @Test
    void theTimeLeftReachesTheFunction() {
        Provider provider =
                providing(
                        query -> ContextAnswer.of(query.cancellation().timeLeft().isPresent()));
        try (var test = TestProvider.open(provider)) {
            assertEquals(true, test.fetch("Thing", "a").as(Boolean.class));
        }
    }

    @Test
    void keysBesideThePrefixAreNotAskedFor() {
        var source =
                ContextSource.builder("Thing", "1.0.0")
                        .keyPrefix("a/")
                        .fetch(query -> ContextAnswer.of(query.key()));
        try (var test = TestProvider.open(with(source))) {
            assertEquals("a/b", test.fetch("Thing", "a/b").value());
            assertInstanceOf(TestOutcome.NotFound.class, test.query("Thing", "b"));
            var other = assertInstanceOf(TestOutcome.Failure.class, test.query("Other", "b"));
            assertEquals(Status.Code.UNIMPLEMENTED, other.code());
        }
    }

    @Test
    void keysAreListedAPageAtATime() {
        var source =
                ContextSource.builder("Thing", "1.0.0")
                        .fetch(query -> null)
                        .list(
                                query ->
                                        query.pageToken().isEmpty()
                                                ? new ListPage(
                                                        List.of(ListEntry.of("a", "A")), "more")
                                                : ListPage.last(List.of()));
        try (var test = TestProvider.open(with(source))) {
            ListResponse page = test.list("Thing");
            assertEquals("A", page.getEntries(0).getTitle());
            assertEquals("more", page.getNextPageToken());
            var error = assertThrows(StatusRuntimeException.class, () -> test.list("Other"));
            assertEquals(Status.Code.UNIMPLEMENTED, error.getStatus().getCode());
        }
    }

    private static Provider doing(Operation.Function function) {
        return Provider.builder("things", "1.0.0")
                .operation(Operation.builder("do").call(function).build())
                .build();
    }

    @Test
    void anOperationTellsHowFarItIsAndWhatItCameTo() {
        Provider provider =
                doing(
                        call -> {
                            call.progress(1);
                            call.progress(2, 2, "done");
                            return Map.of("got", call.arguments().get("n").getAsInt());
                        });
        try (var test = TestProvider.open(provider)) {
            List<CallResponse> said = test.call("do", Map.of("n", 7));
            assertEquals(1, said.get(0).getProgress().getProgress());
            assertEquals("done", said.get(1).getProgress().getText());
            assertEquals(
                    "{\"got\":7}",
                    said.get(2).getResult().getContent().getPayload().toStringUtf8());
        }
    }

    @Test
    void anOperationThatFailsSaysSo() {
        try (var test =
                TestProvider.open(doing(call -> OperationResult.error(Map.of("why", "not"))))) {
            CallResponse last = test.call("do", Map.of()).get(0);
            assertTrue(last.getResult().getIsError());
            CallResponse unknown = test.call("other", Map.of()).get(0);
            assertEquals(Status.Code.NOT_FOUND.value(), unknown.getFailure().getCode());
        }
    }

    @Test
    void anOperationThatCannotBeDoneTellsItsOwnErrorsOnly() {
        Provider refusing =
                doing(
                        call -> {
                            throw new ProviderException(Status.Code.ABORTED, "not now");
                        });
        try (var test = TestProvider.open(refusing)) {
            assertEquals("not now", test.call("do", Map.of()).get(0).getFailure().getText());
        }
        Provider crashing =
                doing(
                        call -> {
                            throw new IllegalStateException("secret words");
                        });
        try (var test = TestProvider.open(crashing, event -> {})) {
            assertEquals(
                    "the provider failed",
                    test.call("do", Map.of()).get(0).getFailure().getText());
        }
    }

    @Test
    void theManifestSaysWhatTheCodeSays() {
        Provider provider =
                Provider.builder("things", "1.2.3")
                        .title("Things")
                        .context(
                                ContextSource.builder("Thing", "2.0.0")
                                        .schema("{\"type\":\"object\",\"maxProperties\":3}")
                                        .ttl(Duration.ofSeconds(60))
                                        .sensitivity(Sensitivity.PUBLIC)
                                        .fetch(query -> null)
                                        .list(query -> ListPage.last(List.of()))
                                        .build())
                        .operation(Operation.builder("do").readOnly().call(call -> 1).build())
                        .build();
        var offer = provider.manifest().getContexts(0);
        assertEquals("Things", provider.manifest().getTitle());
        assertTrue(offer.getListable());
        assertEquals(60, offer.getTtl().getSeconds());
        assertTrue(provider.manifest().getOperations(0).getHints().getReadOnly());
        var type = provider.typeManifests().get(0);
        assertEquals("Thing", type.getName());
        assertEquals(
                3, type.getSchema().getFieldsOrThrow("maxProperties").getNumberValue());
    }

    @Test
    void allFaultsOfADeclarationAreNamedAtOnce() {
        var context =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> ContextSource.builder("thing", "1").schema("[]").build());
        for (String part : List.of("type must", "not semver", "give one of", "no JSON object")) {
            assertTrue(context.getMessage().contains(part), context.getMessage());
        }
        var provider =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                Provider.builder("Things", "1.0.0")
                                        .weight(2_000)
                                        .timeout(Duration.ofMinutes(2))
                                        .build());
        for (String part : List.of("name must", "contexts is empty", "weight", "timeout")) {
            assertTrue(provider.getMessage().contains(part), provider.getMessage());
        }
    }
}

package dev.weir.provider;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.weir.FakeWeir;
import dev.weir.WeirException;
import dev.weir.health.v1.HealthCheckRequest;
import dev.weir.health.v1.HealthCheckResponse.ServingStatus;
import dev.weir.health.v1.HealthGrpc;
import dev.weir.internal.Wire;
import dev.weir.provider.ProviderEvent.Kind;
import dev.weir.provider.v1.FetchQuery;
import dev.weir.provider.v1.FetchRequest;
import dev.weir.provider.v1.ProviderServiceGrpc;
import dev.weir.registry.v1.DeregisterEndpointRequest;
import dev.weir.registry.v1.DeregisterEndpointResponse;
import dev.weir.registry.v1.GetProviderRequest;
import dev.weir.registry.v1.GetProviderResponse;
import dev.weir.registry.v1.HeartbeatRequest;
import dev.weir.registry.v1.HeartbeatResponse;
import dev.weir.registry.v1.PublishTypeRequest;
import dev.weir.registry.v1.PublishTypeResponse;
import dev.weir.registry.v1.RegisterEndpointRequest;
import dev.weir.registry.v1.RegisterEndpointResponse;
import dev.weir.registry.v1.RegisterProviderRequest;
import dev.weir.registry.v1.RegisterProviderResponse;
import dev.weir.registry.v1.RegistryServiceGrpc.RegistryServiceImplBase;
import dev.weir.registry.v1.UpdateProviderRequest;
import dev.weir.registry.v1.UpdateProviderResponse;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ServeTest {
    private static final String KEY = "weir_test_key";

    /** The part of the registry that providers use. Its leases are short. */
    private static final class Registry extends RegistryServiceImplBase {
        final BlockingQueue<String> said = new LinkedBlockingQueue<>();
        private volatile boolean knows = true;
        private volatile String epoch = "e1";
        private int ids;

        @Override
        public void publishType(
                PublishTypeRequest request, StreamObserver<PublishTypeResponse> caller) {
            answer(caller, PublishTypeResponse.getDefaultInstance(), "type");
        }

        @Override
        public void registerProvider(
                RegisterProviderRequest request,
                StreamObserver<RegisterProviderResponse> caller) {
            answer(caller, RegisterProviderResponse.getDefaultInstance(), "manifest");
        }

        @Override
        public void getProvider(
                GetProviderRequest request, StreamObserver<GetProviderResponse> caller) {
            GetProviderResponse.Builder response = GetProviderResponse.newBuilder();
            response.getProviderBuilder().setEtag("t1");
            answer(caller, response.build(), "get");
        }

        @Override
        public void updateProvider(
                UpdateProviderRequest request, StreamObserver<UpdateProviderResponse> caller) {
            String word = "update " + request.getEtag();
            answer(caller, UpdateProviderResponse.getDefaultInstance(), word);
        }

        @Override
        public synchronized void registerEndpoint(
                RegisterEndpointRequest request,
                StreamObserver<RegisterEndpointResponse> caller) {
            knows = true;
            RegisterEndpointResponse.Builder response =
                    RegisterEndpointResponse.newBuilder()
                            .setLease(Wire.duration(Duration.ofMillis(150)))
                            .setEpoch(epoch);
            response.getEndpointBuilder().setId("id" + ++ids);
            answer(caller, response.build(), "endpoint");
        }

        @Override
        public void heartbeat(
                HeartbeatRequest request, StreamObserver<HeartbeatResponse> caller) {
            HeartbeatResponse.Builder response = HeartbeatResponse.newBuilder().setEpoch(epoch);
            if (!knows) response.addAllUnknownEndpointIds(request.getEndpointIdsList());
            caller.onNext(response.build());
            caller.onCompleted();
        }

        @Override
        public void deregisterEndpoint(
                DeregisterEndpointRequest request,
                StreamObserver<DeregisterEndpointResponse> caller) {
            String what = request.getDrain() ? "drain" : "leave";
            answer(caller, DeregisterEndpointResponse.getDefaultInstance(), what);
        }

        void forget(String newEpoch) {
            epoch = newEpoch;
            knows = false;
        }

        String next() throws InterruptedException {
            return said.poll(60, TimeUnit.SECONDS);
        }

        void expect(String... words) throws InterruptedException {
            for (String word : words) assertEquals(word, next());
        }

        private <T> void answer(StreamObserver<T> caller, T response, String word) {
            said.add(word);
            caller.onNext(response);
            caller.onCompleted();
        }
    }

    private static Provider providing(ContextSource.Fetch fetch) {
        return Provider.builder("things", "1.0.0")
                .context(
                        ContextSource.builder("Thing", "1.0.0")
                                .schema("{\"type\":\"string\"}")
                                .fetch(fetch)
                                .build())
                .build();
    }

    private static ServeOptions.Builder options(String url) {
        return ServeOptions.builder(url, KEY).drainAtExit(false);
    }

    private static ManagedChannel channelTo(RunningProvider running) {
        return NettyChannelBuilder.forAddress("127.0.0.1", running.port()).usePlaintext().build();
    }

    private static FetchRequest request() {
        return FetchRequest.newBuilder()
                .addQueries(FetchQuery.newBuilder().setType("Thing").setKey("a"))
                .build();
    }

    @Test
    void itRegistersInAnOrderThatNeverDanglesAndAgainWhenForgotten() throws Exception {
        Registry registry = new Registry();
        try (var weir = new FakeWeir(registry)) {
            RunningProvider running =
                    providing(query -> null).serve(options(weir.url()).build());
            registry.expect("type", "manifest", "endpoint");
            registry.forget("e1");
            registry.expect("endpoint");
            registry.forget("e2");
            registry.expect("type", "manifest", "endpoint");
            running.close();
            registry.expect("drain", "leave");
            assertTrue(running.closed().isDone());
        }
    }

    @Test
    void itWaitsForAWeirThatIsNotUpYet() throws Exception {
        int port;
        try (var early = new FakeWeir(new Registry())) {
            port = early.port();
        }
        BlockingQueue<Kind> kinds = new LinkedBlockingQueue<>();
        CompletableFuture<RunningProvider> started =
                providing(query -> null)
                        .serveAsync(
                                options("http://127.0.0.1:" + port)
                                        .onEvent(event -> kinds.add(event.kind()))
                                        .build());
        assertEquals(Kind.REGISTER_FAILED, kinds.poll(60, TimeUnit.SECONDS));
        assertFalse(started.isDone());
        try (var weir = new FakeWeir(port, new Registry())) {
            started.get(60, TimeUnit.SECONDS).close();
        }
    }

    @Test
    void itEndsWhenWeirRefusesForGood() {
        try (var weir = new FakeWeir(new Registry())) {
            weir.fail("PublishType", Status.UNAVAILABLE, Status.PERMISSION_DENIED);
            ServeOptions options = options(weir.url()).onEvent(event -> {}).build();
            var error =
                    assertThrows(
                            WeirException.class, () -> providing(query -> null).serve(options));
            assertEquals(Status.Code.PERMISSION_DENIED, error.code());
        }
    }

    @Test
    void anotherManifestIsReplacedOnlyWhenThatIsWanted() throws Exception {
        Registry registry = new Registry();
        try (var weir = new FakeWeir(registry)) {
            weir.fail("RegisterProvider", Status.ALREADY_EXISTS, Status.ALREADY_EXISTS);
            ServeOptions careful = options(weir.url()).onEvent(event -> {}).build();
            var error =
                    assertThrows(
                            WeirException.class, () -> providing(query -> null).serve(careful));
            assertTrue(error.text().contains("raise its version"), error.text());
            registry.expect("type");
            try (var running =
                    providing(query -> null).serve(options(weir.url()).replace().build())) {
                registry.expect("type", "get", "update t1", "endpoint");
                running.update(providing(query -> ContextAnswer.of("other")));
                registry.expect("type", "get", "update t1");
                Provider others =
                        Provider.builder("others", "1.0.0")
                                .operation(Operation.builder("do").call(call -> 1).build())
                                .build();
                assertThrows(IllegalArgumentException.class, () -> running.update(others));
            }
        }
    }

    @Test
    void whatIsUnderWayIsAnsweredBeforeItStops() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch released = new CountDownLatch(1);
        Registry registry = new Registry();
        Provider provider =
                providing(
                        query -> {
                            asked.countDown();
                            released.await();
                            return ContextAnswer.of("late");
                        });
        try (var weir = new FakeWeir(registry)) {
            ServeOptions patient =
                    options(weir.url()).drain(Duration.ofMinutes(1)).build();
            RunningProvider running = provider.serve(patient);
            registry.expect("type", "manifest", "endpoint");
            ManagedChannel channel = channelTo(running);
            var stub = ProviderServiceGrpc.newBlockingStub(channel);
            CompletableFuture<String> answer =
                    CompletableFuture.supplyAsync(
                            () ->
                                    stub.fetch(request())
                                            .next()
                                            .getResults(0)
                                            .getContent()
                                            .getPayload()
                                            .toStringUtf8());
            assertTrue(asked.await(60, TimeUnit.SECONDS));
            CompletableFuture<Void> closing = CompletableFuture.runAsync(running::close);
            registry.expect("drain");
            assertEquals(ServingStatus.NOT_SERVING, healthOf(channel));
            assertFalse(closing.isDone());
            released.countDown();
            assertEquals("late", answer.get(60, TimeUnit.SECONDS));
            closing.get(60, TimeUnit.SECONDS);
            registry.expect("leave");
            channel.shutdownNow();
        }
    }

    private static ServingStatus healthOf(ManagedChannel channel) {
        return HealthGrpc.newBlockingStub(channel)
                .check(HealthCheckRequest.getDefaultInstance())
                .getStatus();
    }

    @Test
    void routersMustSendTheTokenAndHealthIsForEverybody() {
        try (var weir = new FakeWeir(new Registry());
                var running =
                        providing(query -> ContextAnswer.of("x"))
                                .serve(options(weir.url()).token("secret").build())) {
            ManagedChannel channel = channelTo(running);
            assertEquals(ServingStatus.SERVING, healthOf(channel));
            var stub = ProviderServiceGrpc.newBlockingStub(channel);
            var error =
                    assertThrows(
                            StatusRuntimeException.class, () -> stub.fetch(request()).hasNext());
            assertEquals(Status.Code.UNAUTHENTICATED, error.getStatus().getCode());
            Metadata headers = new Metadata();
            headers.put(
                    Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
                    "Bearer secret");
            var allowed =
                    stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
            assertTrue(allowed.fetch(request()).hasNext());
            channel.shutdownNow();
        }
    }

    @Test
    void aStartThatIsCancelledStops() throws Exception {
        BlockingQueue<Kind> kinds = new LinkedBlockingQueue<>();
        CompletableFuture<RunningProvider> started =
                providing(query -> null)
                        .serveAsync(
                                options("http://127.0.0.1:1")
                                        .onEvent(event -> kinds.add(event.kind()))
                                        .build());
        assertEquals(Kind.REGISTER_FAILED, kinds.poll(60, TimeUnit.SECONDS));
        started.cancel(true);
        Kind last = kinds.poll(60, TimeUnit.SECONDS);
        while (last == Kind.REGISTER_FAILED) last = kinds.poll(60, TimeUnit.SECONDS);
        assertEquals(Kind.CLOSED, last);
    }

    @Test
    void anAddressThatNobodyCanCallIsRefused() {
        for (ServeOptions.Builder each :
                List.of(
                        options("http://127.0.0.1:1").host("0.0.0.0"),
                        options("http://127.0.0.1:1").publicUrl("ftp://a"),
                        options("http://127.0.0.1:1").port(70_000))) {
            assertInstanceOf(
                    IllegalArgumentException.class,
                    assertThrows(RuntimeException.class, each::build));
        }
    }
}

package dev.weir.testing;

import com.google.protobuf.ByteString;
import dev.weir.ContextRef;
import dev.weir.ItemRefusedException;
import dev.weir.Refusal;
import dev.weir.errors.v1.Reason;
import dev.weir.internal.Payload;
import dev.weir.internal.Wire;
import dev.weir.provider.InMemory;
import dev.weir.provider.Provider;
import dev.weir.provider.ProviderEvent;
import dev.weir.provider.v1.CallRequest;
import dev.weir.provider.v1.CallResponse;
import dev.weir.provider.v1.Caller;
import dev.weir.provider.v1.Content;
import dev.weir.provider.v1.FetchQuery;
import dev.weir.provider.v1.FetchRequest;
import dev.weir.provider.v1.FetchResponse;
import dev.weir.provider.v1.FetchResult;
import dev.weir.provider.v1.ListRequest;
import dev.weir.provider.v1.ListResponse;
import dev.weir.provider.v1.ProviderServiceGrpc;
import io.grpc.Channel;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A provider under test, served as it is to routers, but in memory: no server is needed. Each call
 * takes a minute at most.
 */
public final class TestProvider implements AutoCloseable {
    private static final int TIMEOUT_SECONDS = 60;
    private static final int PAGE_SIZE = 50;
    private static final Caller CALLER = Caller.newBuilder().setTenant("test").build();

    private final InMemory server;

    private TestProvider(InMemory server) {
        this.server = server;
    }

    /** Opens a provider in memory. Errors of its functions are logged. */
    public static TestProvider open(Provider provider) {
        return new TestProvider(InMemory.open(provider));
    }

    /** Opens a provider in memory, and tells of errors of its functions. */
    public static TestProvider open(Provider provider, Consumer<ProviderEvent> onEvent) {
        return new TestProvider(InMemory.open(provider, onEvent));
    }

    /**
     * Fetches one value.
     *
     * @throws ItemRefusedException when there is no such key, or the provider failed
     */
    public TestOutcome.Content fetch(String type, String key) {
        TestOutcome outcome = query(type, key);
        if (outcome instanceof TestOutcome.Content content) return content;
        boolean isFailure = outcome instanceof TestOutcome.Failure;
        Refusal refusal =
                isFailure
                        ? refusalOf((TestOutcome.Failure) outcome)
                        : new Refusal(
                                Status.Code.NOT_FOUND,
                                Reason.REASON_KEY_NOT_FOUND,
                                "the provider has no such key",
                                Optional.empty(),
                                List.of());
        throw new ItemRefusedException(ContextRef.of(type, key), refusal);
    }

    /** Fetches one value and says what became of it, whatever it is. */
    public TestOutcome query(String type, String key) {
        return query(type, key, "");
    }

    /** The same for a router that holds the value with an etag. */
    public TestOutcome query(String type, String key, String knownEtag) {
        FetchRequest request =
                FetchRequest.newBuilder()
                        .addQueries(queryOf(type, key).setKnownEtag(knownEtag))
                        .setCaller(CALLER)
                        .build();
        return outcomesOf(request).get(0);
    }

    /** Fetches many values in one call; the outcomes stand in the order of the keys. */
    public List<TestOutcome> queryAll(String type, List<String> keys) {
        FetchRequest.Builder request = FetchRequest.newBuilder().setCaller(CALLER);
        for (String key : keys) request.addQueries(queryOf(type, key));
        return outcomesOf(request.build());
    }

    /**
     * Lists the first page of keys.
     *
     * @throws io.grpc.StatusRuntimeException when the type cannot be listed, or the provider failed
     */
    public ListResponse list(String type) {
        return list(ListRequest.newBuilder().setType(type).setPageSize(PAGE_SIZE).build());
    }

    /** Lists a page of keys; see {@link #list(String)}. */
    public ListResponse list(ListRequest request) {
        return stub().list(request.toBuilder().setCaller(CALLER).build());
    }

    /** Calls an operation with arguments that become JSON; the last message is what it came to. */
    public List<CallResponse> call(String operation, Object arguments) {
        CallRequest request =
                CallRequest.newBuilder()
                        .setOperation(operation)
                        .setArguments(ByteString.copyFrom(Payload.bytesOf(arguments)))
                        .setCaller(CALLER)
                        .setWantsProgress(true)
                        .build();
        List<CallResponse> responses = new ArrayList<>();
        stub().call(request).forEachRemaining(responses::add);
        return responses;
    }

    /** Carries calls to the provider, message by message. */
    public Channel channel() {
        return server.channel();
    }

    /** Ends it, with what is under way. */
    @Override
    public void close() {
        server.close();
    }

    private ProviderServiceGrpc.ProviderServiceBlockingStub stub() {
        return ProviderServiceGrpc.newBlockingStub(channel())
                .withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }

    private static FetchQuery.Builder queryOf(String type, String key) {
        return FetchQuery.newBuilder().setType(type).setKey(key);
    }

    private List<TestOutcome> outcomesOf(FetchRequest request) {
        TestOutcome[] outcomes = new TestOutcome[request.getQueriesCount()];
        Content[] begun = new Content[outcomes.length];
        Iterator<FetchResponse> responses = stub().fetch(request);
        while (responses.hasNext()) {
            for (FetchResult result : responses.next().getResultsList()) {
                int at = result.getIndex();
                FetchResult whole = assembled(result, begun);
                if (whole != null) outcomes[at] = read(whole);
            }
        }
        return List.of(outcomes);
    }

    /** A result whose value is whole; null while parts of it are to come. */
    private static FetchResult assembled(FetchResult result, Content[] begun) {
        int at = result.getIndex();
        if (result.hasPart()) {
            ByteString more = begun[at].getPayload().concat(result.getPart().getData());
            begun[at] = begun[at].toBuilder().setPayload(more).build();
        } else if (result.hasContent() && result.getContent().getTotalBytes() > 0) {
            begun[at] = result.getContent();
        } else {
            return result;
        }
        boolean isWhole = begun[at].getPayload().size() >= begun[at].getTotalBytes();
        return isWhole ? result.toBuilder().setContent(begun[at]).build() : null;
    }

    private static TestOutcome read(FetchResult result) {
        return switch (result.getOutcomeCase()) {
            case CONTENT -> read(result.getContent());
            case NOT_MODIFIED ->
                    new TestOutcome.NotModified(
                            result.getNotModified().hasTtl()
                                    ? Optional.of(Wire.duration(result.getNotModified().getTtl()))
                                    : Optional.empty());
            case FAILURE ->
                    new TestOutcome.Failure(
                            Wire.code(result.getFailure().getCode()),
                            result.getFailure().getText(),
                            result.getFailure().hasRetryDelay()
                                    ? Optional.of(
                                            Wire.duration(result.getFailure().getRetryDelay()))
                                    : Optional.empty());
            case NOT_FOUND, PART, OUTCOME_NOT_SET -> new TestOutcome.NotFound();
        };
    }

    private static TestOutcome.Content read(Content content) {
        byte[] bytes = content.getPayload().toByteArray();
        return new TestOutcome.Content(
                Payload.read(content.getContentType(), bytes),
                bytes,
                content.getContentType(),
                content.getEtag(),
                content.hasAsOf() ? Optional.of(Wire.instant(content.getAsOf())) : Optional.empty(),
                content.hasTtl() ? Optional.of(Wire.duration(content.getTtl())) : Optional.empty(),
                Wire.sensitivity(content.getSensitivity()),
                content.hasQuality()
                        ? OptionalDouble.of(content.getQuality())
                        : OptionalDouble.empty(),
                content.getSource(),
                Map.copyOf(content.getLabelsMap()),
                content.getOwner());
    }

    private static Refusal refusalOf(TestOutcome.Failure failure) {
        return new Refusal(
                failure.code(),
                Reason.REASON_PROVIDER_FAILED,
                failure.text(),
                failure.retryDelay(),
                List.of());
    }
}

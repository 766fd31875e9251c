package dev.weir.provider;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import dev.weir.Sensitivity;
import dev.weir.internal.Json;
import dev.weir.internal.Payload;
import dev.weir.internal.Wire;
import dev.weir.provider.v1.CallRequest;
import dev.weir.provider.v1.CallResponse;
import dev.weir.provider.v1.Content;
import dev.weir.provider.v1.Progress;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import java.nio.charset.StandardCharsets;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicInteger;

/** Calls an operation. */
final class CallAnswer {
    /** The media type of results made of pieces. */
    private static final String PIECES = "application/vnd.weir.tool-result+json";

    /** Told of a call before its end that is not sent yet; what is beyond is dropped. */
    private static final int TOLD_MAX = 1_000;

    private final Executors executors;
    private final OnFault onFault;
    private final Context context = Context.current();
    private final Outbox<CallResponse, CallResponse> outbox;
    private final AtomicInteger unsent = new AtomicInteger();

    CallAnswer(
            Executors executors,
            OnFault onFault,
            ServerCallStreamObserver<CallResponse> router) {
        this.executors = executors;
        this.onFault = onFault;
        this.outbox = new Outbox<>(router, Deque::remove, executors.senders(), this::sent);
        router.setOnCancelHandler(() -> {});
    }

    void answer(Provider provider, CallRequest request) {
        Operation operation = provider.operation(request.getOperation()).orElse(null);
        if (operation == null) {
            String text = "this provider has no operation " + request.getOperation();
            end(failed(new ProviderException(Status.Code.NOT_FOUND, text)));
            return;
        }
        if (operation.asyncFunction != null) {
            Work.<Object>runAsync(
                    context,
                    () -> operation.asyncFunction.call(callOf(request)),
                    (result, error) -> finish(operation, result, error));
        } else {
            Work.<Object>run(
                    context,
                    executors.workers(),
                    () -> operation.function.call(callOf(request)),
                    (result, error) -> finish(operation, result, error));
        }
    }

    private OperationCall callOf(CallRequest request) {
        ByteString arguments = request.getArguments();
        JsonElement given =
                arguments.isEmpty() ? new JsonObject() : Json.read(arguments.toByteArray());
        return new OperationCall(
                given.getAsJsonObject(),
                Caller.read(request.getCaller()),
                new Cancellation(context),
                request.getWantsProgress() ? this::tell : null);
    }

    private void tell(Progress progress) {
        if (unsent.get() >= TOLD_MAX) return;
        unsent.incrementAndGet();
        outbox.put(CallResponse.newBuilder().setProgress(progress).build());
    }

    private void sent() {
        unsent.decrementAndGet();
    }

    private void finish(Operation operation, Object result, Throwable error) {
        Throwable failure = error;
        if (failure == null) {
            try {
                end(responseOf(operation, result));
                return;
            } catch (RuntimeException fault) {
                failure = fault;
            }
        }
        if (context.isCancelled()) return;
        if (!(failure instanceof ProviderException)) {
            onFault.tell("operation " + operation.name, failure);
        }
        end(failed(failure));
    }

    private void end(CallResponse last) {
        outbox.put(last);
        outbox.end();
    }

    private static CallResponse responseOf(Operation operation, Object result) {
        OperationResult more = result instanceof OperationResult given ? given : null;
        String json = Json.write(more == null ? result : more.value);
        Content.Builder content =
                Content.newBuilder()
                        .setPayload(ByteString.copyFrom(json, StandardCharsets.UTF_8))
                        .setContentType(more != null && more.isPieces ? PIECES : Payload.JSON);
        Sensitivity sensitivity = operation.sensitivity();
        if (sensitivity != null) content.setSensitivity(Wire.sensitivity(sensitivity));
        CallResponse.Builder response = CallResponse.newBuilder();
        response.getResultBuilder()
                .setContent(content)
                .setIsError(more != null && more.isError);
        return response.build();
    }

    private static CallResponse failed(Throwable error) {
        return CallResponse.newBuilder().setFailure(Encoding.failure(error)).build();
    }
}

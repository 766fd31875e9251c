package dev.weir;

import com.google.gson.JsonParseException;
import com.google.protobuf.ByteString;
import dev.weir.errors.v1.Reason;
import dev.weir.internal.Payload;
import dev.weir.tools.v1.CallToolRequest;
import dev.weir.tools.v1.CallToolResponse;
import dev.weir.tools.v1.ToolServiceGrpc;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;

/** One call of a tool. It is never made twice. */
final class ToolCall implements StreamObserver<CallToolResponse> {
    private final CompletableFuture<ToolResult> result = new CompletableFuture<>();
    private final ToolOptions options;
    private final Scope scope;

    private ToolCall(ToolOptions options, Scope scope) {
        this.options = options;
        this.scope = scope;
    }

    static CompletableFuture<ToolResult> start(
            Calls calls, CallToolRequest request, ToolOptions options, Scope scope) {
        ToolCall call = new ToolCall(options, scope);
        ClientCalls.asyncServerStreamingCall(
                calls.begin(ToolServiceGrpc.getCallToolMethod(), scope), request, call);
        return call.result;
    }

    static CallToolRequest request(String tool, Object arguments, ToolOptions options) {
        return CallToolRequest.newBuilder()
                .setTool(tool)
                .setArguments(ByteString.copyFrom(Payload.bytesOf(arguments)))
                .setGroup(options.group)
                .setPurpose(options.purpose)
                .setWantsProgress(options.onProgress != null)
                .build();
    }

    @Override
    public void onNext(CallToolResponse response) {
        switch (response.getMessageCase()) {
            case PROGRESS -> tell(response);
            case RESULT -> read(response);
            case INPUT_REQUIRED -> fail("the tool asks the caller, which this SDK cannot answer");
            case LOG, MESSAGE_NOT_SET -> {
                // Nobody asked for it.
            }
        }
    }

    @Override
    public void onError(Throwable error) {
        result.completeExceptionally(WeirException.from(error));
    }

    @Override
    public void onCompleted() {
        fail("the call ended without a result");
    }

    private void tell(CallToolResponse response) {
        if (options.onProgress == null) return;
        try {
            options.onProgress.accept(Progress.read(response.getProgress()));
        } catch (RuntimeException error) {
            result.completeExceptionally(error);
            scope.cancel();
        }
    }

    private void read(CallToolResponse response) {
        try {
            result.complete(ToolResult.read(response.getResult()));
        } catch (JsonParseException error) {
            result.completeExceptionally(
                    WeirException.of(
                            Status.Code.DATA_LOSS,
                            Reason.REASON_PROVIDER_GARBAGE,
                            "the result is no JSON",
                            error));
        }
    }

    private void fail(String text) {
        Reason reason = Reason.REASON_UNSPECIFIED;
        result.completeExceptionally(WeirException.of(Status.Code.INTERNAL, reason, text, null));
    }
}

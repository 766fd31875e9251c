package dev.weir.provider;

import dev.weir.provider.v1.CallRequest;
import dev.weir.provider.v1.CallResponse;
import dev.weir.provider.v1.DescribeRequest;
import dev.weir.provider.v1.DescribeResponse;
import dev.weir.provider.v1.FetchRequest;
import dev.weir.provider.v1.FetchResponse;
import dev.weir.provider.v1.ListRequest;
import dev.weir.provider.v1.ListResponse;
import dev.weir.provider.v1.OfferedType;
import dev.weir.provider.v1.ProviderServiceGrpc.ProviderServiceImplBase;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.function.Supplier;

/** What routers call of a provider, as it is at the moment. */
final class ProviderEndpoint extends ProviderServiceImplBase {
    private final Supplier<Provider> current;
    private final Executors executors;
    private final OnFault onFault;

    ProviderEndpoint(Supplier<Provider> current, Executors executors, OnFault onFault) {
        this.current = current;
        this.executors = executors;
        this.onFault = onFault;
    }

    @Override
    public void describe(DescribeRequest request, StreamObserver<DescribeResponse> router) {
        Provider provider = current.get();
        DescribeResponse.Builder response =
                DescribeResponse.newBuilder()
                        .setName(provider.name())
                        .setVersion(provider.version());
        for (ContextSource each : provider.contexts()) {
            response.addTypes(
                    OfferedType.newBuilder()
                            .setType(each.type)
                            .setVersion(each.version)
                            .setListable(each.isListable()));
        }
        router.onNext(response.build());
        router.onCompleted();
    }

    @Override
    public void fetch(FetchRequest request, StreamObserver<FetchResponse> router) {
        var call = (ServerCallStreamObserver<FetchResponse>) router;
        new FetchAnswer(current.get(), executors, onFault, call).answer(request);
    }

    @Override
    public void list(ListRequest request, StreamObserver<ListResponse> router) {
        // With a handler, what is sent to who has left is dropped, and no exception.
        ((ServerCallStreamObserver<ListResponse>) router).setOnCancelHandler(() -> {});
        ListAnswer.answer(current.get(), request, router, executors.workers(), onFault);
    }

    @Override
    public void call(CallRequest request, StreamObserver<CallResponse> router) {
        var call = (ServerCallStreamObserver<CallResponse>) router;
        new CallAnswer(executors, onFault, call).answer(current.get(), request);
    }
}

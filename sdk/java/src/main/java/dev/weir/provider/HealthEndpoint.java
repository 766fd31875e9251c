package dev.weir.provider;

import dev.weir.health.v1.HealthCheckRequest;
import dev.weir.health.v1.HealthCheckResponse;
import dev.weir.health.v1.HealthCheckResponse.ServingStatus;
import dev.weir.health.v1.HealthGrpc.HealthImplBase;
import dev.weir.health.v1.HealthListRequest;
import dev.weir.health.v1.HealthListResponse;
import dev.weir.provider.v1.ProviderServiceGrpc;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.LinkedHashSet;
import java.util.Set;

/** Serves gRPC health for the provider as a whole. Begins as serving. */
final class HealthEndpoint extends HealthImplBase {
    private final Set<StreamObserver<HealthCheckResponse>> watchers = new LinkedHashSet<>();
    private boolean isStopped;

    /** Tells those who ask, and those who watch, that no calls are wanted any more. */
    synchronized void stopServing() {
        if (isStopped) return;
        isStopped = true;
        for (StreamObserver<HealthCheckResponse> watcher : watchers) {
            watcher.onNext(status());
            watcher.onCompleted();
        }
        watchers.clear();
    }

    @Override
    public synchronized void check(
            HealthCheckRequest request, StreamObserver<HealthCheckResponse> router) {
        if (!isKnown(request.getService())) {
            String text = "no service \"" + request.getService() + "\" here";
            router.onError(Status.NOT_FOUND.withDescription(text).asRuntimeException());
            return;
        }
        router.onNext(status());
        router.onCompleted();
    }

    @Override
    public synchronized void list(
            HealthListRequest request, StreamObserver<HealthListResponse> router) {
        router.onNext(HealthListResponse.newBuilder().putStatuses("", status()).build());
        router.onCompleted();
    }

    @Override
    public synchronized void watch(
            HealthCheckRequest request, StreamObserver<HealthCheckResponse> router) {
        if (!isKnown(request.getService())) {
            router.onNext(responseOf(ServingStatus.SERVICE_UNKNOWN));
            router.onCompleted();
            return;
        }
        router.onNext(status());
        if (isStopped) {
            router.onCompleted();
            return;
        }
        watchers.add(router);
        ((ServerCallStreamObserver<HealthCheckResponse>) router)
                .setOnCancelHandler(() -> forget(router));
    }

    private synchronized void forget(StreamObserver<HealthCheckResponse> watcher) {
        watchers.remove(watcher);
    }

    private HealthCheckResponse status() {
        return responseOf(isStopped ? ServingStatus.NOT_SERVING : ServingStatus.SERVING);
    }

    private static HealthCheckResponse responseOf(ServingStatus status) {
        return HealthCheckResponse.newBuilder().setStatus(status).build();
    }

    private static boolean isKnown(String service) {
        return service.isEmpty() || service.equals(ProviderServiceGrpc.SERVICE_NAME);
    }
}

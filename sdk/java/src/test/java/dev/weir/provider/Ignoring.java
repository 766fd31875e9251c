package dev.weir.provider;

import io.grpc.stub.StreamObserver;

/** Whoever does not look at what comes. */
final class Ignoring<T> implements StreamObserver<T> {
    @Override
    public void onNext(T message) {}

    @Override
    public void onError(Throwable error) {}

    @Override
    public void onCompleted() {}
}

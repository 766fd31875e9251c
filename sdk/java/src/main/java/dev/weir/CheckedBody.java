package dev.weir;

import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** The body of a link, read as a whole into as much memory as was announced. */
final class CheckedBody implements BodySubscriber<byte[]> {
    private final CompletableFuture<byte[]> whole = new CompletableFuture<>();
    private final LinkCheck check;
    private final byte[] bytes;
    private Flow.Subscription subscription;

    CheckedBody(ValueLink link) {
        this.check = new LinkCheck(link);
        this.bytes = new byte[Math.toIntExact(link.sizeBytes())];
    }

    @Override
    public CompletionStage<byte[]> getBody() {
        return whole;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        given.request(Long.MAX_VALUE);
    }

    @Override
    public void onNext(List<ByteBuffer> pieces) {
        try {
            for (ByteBuffer piece : pieces) {
                int at = Math.toIntExact(check.readBytes());
                check.update(piece);
                piece.get(bytes, at, piece.remaining());
            }
        } catch (WeirException error) {
            subscription.cancel();
            whole.completeExceptionally(error);
        }
    }

    @Override
    public void onError(Throwable error) {
        whole.completeExceptionally(error);
    }

    @Override
    public void onComplete() {
        try {
            check.end();
            whole.complete(bytes);
        } catch (WeirException error) {
            whole.completeExceptionally(error);
        }
    }
}

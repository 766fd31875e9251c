package dev.weir;

import dev.weir.errors.v1.Reason;
import io.grpc.Status;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Gets values that are too large to carry from where they lie. Nothing of the caller's goes along:
 * no key, no cookie, no redirect.
 */
final class Links {
    private static final int FOLLOWED_AT_ONCE = 4;

    private final Addresses addresses;
    private final AtomicReference<HttpClient> client = new AtomicReference<>();

    Links(Addresses addresses) {
        this.addresses = addresses;
    }

    /** Turns outcomes with links into ones with values, or refusals, some at once. */
    CompletableFuture<List<Outcome>> followAll(
            List<Outcome> outcomes, FetchOptions options, Scope scope) {
        List<Outcome> followed = new ArrayList<>(outcomes);
        Queue<Outcome> queue = new ConcurrentLinkedQueue<>();
        for (Outcome each : outcomes) if (isToFollow(each, options)) queue.add(each);
        List<CompletableFuture<Void>> work = new ArrayList<>();
        for (int each = 0; each < Math.min(FOLLOWED_AT_ONCE, queue.size()); each++) {
            work.add(followNext(queue, followed, options, scope));
        }
        return CompletableFuture.allOf(work.toArray(new CompletableFuture<?>[0]))
                .thenApply(done -> followed);
    }

    private CompletableFuture<Void> followNext(
            Queue<Outcome> queue, List<Outcome> followed, FetchOptions options, Scope scope) {
        Outcome outcome = queue.poll();
        if (outcome == null) return CompletableFuture.completedFuture(null);
        return follow(outcome, options, scope)
                .thenCompose(
                        whole -> {
                            synchronized (followed) {
                                followed.set(outcome.index(), whole);
                            }
                            return followNext(queue, followed, options, scope);
                        });
    }

    static boolean isToFollow(Outcome outcome, FetchOptions options) {
        return !options.keepLinks()
                && outcome instanceof Outcome.Arrived arrived
                && arrived.item().link().isPresent();
    }

    /** Turns an outcome with a link into one with a value, or a refusal. Never fails. */
    CompletableFuture<Outcome> follow(Outcome outcome, FetchOptions options, Scope scope) {
        if (!isToFollow(outcome, options)) return CompletableFuture.completedFuture(outcome);
        Outcome.Arrived arrived = (Outcome.Arrived) outcome;
        ValueLink link = arrived.item().link().orElseThrow();
        if (link.sizeBytes() > options.maxValueBytes()) {
            Refusal tooLarge = tooLarge(link, options.maxValueBytes());
            return CompletableFuture.completedFuture(Outcomes.refused(outcome, tooLarge));
        }
        return read(link, scope)
                .thenApply(bytes -> Outcomes.withBytes(arrived, bytes))
                .exceptionally(
                        error ->
                                Outcomes.refused(
                                        outcome, Refusal.of(failureOf(error, scope))));
    }

    /** Reads a whole value, and checks its size and hash. */
    private CompletableFuture<byte[]> read(ValueLink link, Scope scope) {
        return send(link, scope, info -> new CheckedBody(link)).thenApply(HttpResponse::body);
    }

    /**
     * Opens a value to be read piece by piece. Size and hash are checked on the way: what was read
     * counts only once its end has been reached.
     */
    InputStream open(ValueLink link, Scope scope) {
        HttpResponse<InputStream> response;
        try {
            response =
                    Calls.await(send(link, scope, info -> BodySubscribers.ofInputStream()));
        } catch (RuntimeException error) {
            scope.close();
            throw failureOf(error, scope);
        }
        return new CheckedStream(response.body(), link, scope);
    }

    private <T> CompletableFuture<HttpResponse<T>> send(
            ValueLink link, Scope scope, BodyHandler<T> body) {
        CompletableFuture<HttpResponse<T>> answer = new CompletableFuture<>();
        HttpRequest request;
        try {
            request =
                    HttpRequest.newBuilder(absolute(link.url()))
                            .version(HttpClient.Version.HTTP_1_1)
                            .timeout(scope.left())
                            .build();
        } catch (IllegalArgumentException error) {
            answer.completeExceptionally(unavailable("the link is no address", error));
            return answer;
        }
        CompletableFuture<HttpResponse<T>> sending =
                client().sendAsync(request, info -> bodyOf(info, body));
        // The timeout of a request ends with its headers, and cancelling it ends its body too.
        Future<?> timer =
                Timers.later(
                        scope.left(), () -> answer.completeExceptionally(scope.late()));
        scope.onCancel(() -> answer.completeExceptionally(scope.ended()));
        sending.whenComplete(
                (response, error) -> {
                    if (error == null) answer.complete(response);
                    else answer.completeExceptionally(WeirException.unwrap(error));
                });
        answer.whenComplete(
                (response, error) -> {
                    timer.cancel(false);
                    if (error != null) sending.cancel(true);
                });
        return answer;
    }

    private static <T> HttpResponse.BodySubscriber<T> bodyOf(
            HttpResponse.ResponseInfo info, BodyHandler<T> body) {
        int status = info.statusCode();
        if (status == 200) return body.apply(info);
        WeirException refused =
                status == 403 || status == 404
                        ? unavailable(
                                "the link holds no more: fetch the item again for a new one", null)
                        : unavailable("the link is answered with status " + status, null);
        return BodySubscribers.mapping(
                BodySubscribers.discarding(),
                nothing -> {
                    throw refused;
                });
    }

    /** A link that begins with "/" cannot leave the address, whatever follows. */
    private URI absolute(String url) {
        return URI.create(url.startsWith("/") ? addresses.current() + url : url);
    }

    private HttpClient client() {
        HttpClient known = client.get();
        if (known != null) return known;
        client.compareAndSet(
                null,
                HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER).build());
        return client.get();
    }

    private static WeirException failureOf(Throwable error, Scope scope) {
        Throwable thrown = WeirException.unwrap(error);
        if (thrown instanceof WeirException known) return known;
        if (thrown instanceof IOException broken
                && broken.getCause() instanceof WeirException known) {
            return known;
        }
        if (thrown instanceof HttpTimeoutException) return scope.late();
        return unavailable("the value at the link cannot be read", thrown);
    }

    static WeirException unavailable(String text, Throwable cause) {
        return WeirException.passing(Reason.REASON_BLOB_STORE_UNAVAILABLE, text, cause);
    }

    static WeirException otherValue(String what) {
        String text = "the value at the link " + what;
        Reason reason = Reason.REASON_BLOB_STORE_UNAVAILABLE;
        return WeirException.of(Status.Code.DATA_LOSS, reason, text, null);
    }

    private static Refusal tooLarge(ValueLink link, long maxValueBytes) {
        String text =
                "the value has %d bytes, and at most %d are read: raise maxValueBytes, or fetch it "
                        + "with keepLinks and read it with Weir.open";
        return Refusal.of(
                Status.Code.RESOURCE_EXHAUSTED,
                Reason.REASON_ITEM_TOO_LARGE,
                String.format(text, link.sizeBytes(), maxValueBytes));
    }
}

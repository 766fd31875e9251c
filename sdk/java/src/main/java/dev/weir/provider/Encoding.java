package dev.weir.provider;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.weir.internal.Payload;
import dev.weir.internal.Wire;
import dev.weir.provider.v1.Content;
import dev.weir.provider.v1.ContentPart;
import dev.weir.provider.v1.Failure;
import dev.weir.provider.v1.FetchResult;
import dev.weir.provider.v1.NotFound;
import dev.weir.provider.v1.NotModified;
import io.grpc.Status;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.Optional;

/** Encodes what an author's function answered. */
final class Encoding {
    /** The largest message that a provider sends: what gRPC clients accept by default. */
    static final int MESSAGE_MAX_BYTES = 4 * 1024 * 1024;

    /** The largest part that is sent of a value; a router takes up to 1 MiB. */
    static final int PART_BYTES = 256 * 1024;

    /** What callers learn of an error that is the author's own affair. */
    static final String INTERNAL_TEXT = "the provider failed";

    /** What a result and its message need beside the content: tags, lengths, the index. */
    private static final int ENVELOPE_BYTES = 64;

    /** What is sent of the text of an error; routers show less. */
    private static final int TEXT_MAX_CHARS = 1_000;

    private static final Duration RETRY_DELAY_MAX = Duration.ofDays(1);
    private static final int ETAG_CHARS = 22;

    private Encoding() {}

    /** Encodes an answer. Throws ProviderException when what stands beside it is too large. */
    static Encoded answer(ContextAnswer answer, String knownEtag) {
        if (answer == null || answer instanceof ContextAnswer.NotFound) return notFound();
        if (answer instanceof ContextAnswer.Failed failed) return error(failed.error());
        if (answer instanceof ContextAnswer.NotModified same) {
            return notModified(same.ttl(), knownEtag);
        }
        ContextValue value = (ContextValue) answer;
        return value.isStream() ? stream(value, knownEtag) : value(value, knownEtag);
    }

    /** Encodes an error. What is no ProviderException stays in this process. */
    static Encoded error(Throwable error) {
        boolean isNotFound =
                error instanceof ProviderException known
                        && known.code() == Status.Code.NOT_FOUND;
        if (isNotFound) return notFound();
        Failure failure = failure(error);
        return new Encoded(
                FetchResult.newBuilder().setFailure(failure),
                failure.getSerializedSize() + ENVELOPE_BYTES);
    }

    /** An error as a failure, also one that something is not found. */
    static Failure failure(Throwable error) {
        if (!(error instanceof ProviderException known)) {
            return Failure.newBuilder()
                    .setCode(Status.Code.INTERNAL.value())
                    .setText(INTERNAL_TEXT)
                    .build();
        }
        String text = known.getMessage();
        Failure.Builder failure =
                Failure.newBuilder()
                        .setCode(known.code().value())
                        .setText(text.substring(0, Math.min(text.length(), TEXT_MAX_CHARS)));
        known.retryDelay()
                .filter(delay -> !delay.isNegative())
                .map(delay -> delay.compareTo(RETRY_DELAY_MAX) > 0 ? RETRY_DELAY_MAX : delay)
                .ifPresent(delay -> failure.setRetryDelay(Wire.duration(delay)));
        return failure.build();
    }

    /** The next bytes of a value. */
    static Encoded part(ByteString data) {
        ContentPart part = ContentPart.newBuilder().setData(data).build();
        return new Encoded(FetchResult.newBuilder().setPart(part), data.size() + ENVELOPE_BYTES);
    }

    private static Encoded value(ContextValue value, String knownEtag) {
        byte[] payload = Payload.bytesOf(value.value);
        String etag = value.etag == null ? etagOf(payload) : value.etag;
        if (!etag.isEmpty() && etag.equals(knownEtag)) {
            return notModified(Optional.ofNullable(value.ttl), knownEtag);
        }
        Content.Builder content = contentOf(value, etag);
        int beside = bytesBeside(content);
        boolean isLarge = beside + payload.length > MESSAGE_MAX_BYTES;
        if (isLarge) content.setTotalBytes(payload.length);
        else content.setPayload(UnsafeByteOperations.unsafeWrap(payload));
        return new Encoded(
                FetchResult.newBuilder().setContent(content),
                isLarge ? beside : beside + payload.length,
                isLarge ? payload : null,
                null);
    }

    private static Encoded stream(ContextValue value, String knownEtag) {
        InputStream stream = (InputStream) value.value;
        String etag = value.etag == null ? "" : value.etag;
        if (!etag.isEmpty() && etag.equals(knownEtag)) {
            leave(stream);
            return notModified(Optional.ofNullable(value.ttl), knownEtag);
        }
        Content.Builder content = contentOf(value, etag).setTotalBytes(value.sizeBytes);
        int beside;
        try {
            beside = bytesBeside(content);
        } catch (ProviderException error) {
            leave(stream);
            throw error;
        }
        if (value.sizeBytes == 0) leave(stream);
        return new Encoded(
                FetchResult.newBuilder().setContent(content),
                beside,
                null,
                value.sizeBytes == 0 ? null : stream);
    }

    private static Content.Builder contentOf(ContextValue value, String etag) {
        String type = value.isStream() ? Payload.BYTES : Payload.typeOf(value.value);
        Content.Builder content =
                Content.newBuilder()
                        .setContentType(value.contentType == null ? type : value.contentType)
                        .setEtag(etag)
                        .setSource(value.source)
                        .putAllLabels(value.labels)
                        .setOwner(value.owner);
        if (value.asOf != null) content.setAsOf(Wire.timestamp(value.asOf));
        if (value.ttl != null) content.setTtl(Wire.duration(value.ttl));
        if (value.quality != null) content.setQuality(value.quality);
        if (value.sensitivity != null) {
            content.setSensitivity(Wire.sensitivity(value.sensitivity));
        }
        return content;
    }

    private static int bytesBeside(Content.Builder content) {
        int beside = content.build().getSerializedSize() + ENVELOPE_BYTES;
        if (beside + PART_BYTES <= MESSAGE_MAX_BYTES) return beside;
        String text = "what stands beside the value takes " + beside + " bytes: too many to send";
        throw new ProviderException(Status.Code.RESOURCE_EXHAUSTED, text);
    }

    private static Encoded notFound() {
        return new Encoded(
                FetchResult.newBuilder().setNotFound(NotFound.getDefaultInstance()),
                ENVELOPE_BYTES);
    }

    private static Encoded notModified(Optional<Duration> ttl, String knownEtag) {
        if (knownEtag.isEmpty()) {
            String text = "notModified answers only a query with a knownEtag";
            throw new IllegalArgumentException(text);
        }
        NotModified.Builder same = NotModified.newBuilder();
        ttl.ifPresent(given -> same.setTtl(Wire.duration(given)));
        return new Encoded(FetchResult.newBuilder().setNotModified(same), ENVELOPE_BYTES);
    }

    /** The tag of a value that its author gave none. */
    private static String etagOf(byte[] payload) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(payload);
            return Base64.getUrlEncoder().encodeToString(hash).substring(0, ETAG_CHARS);
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }

    /** Nobody reads the stream: its source may go. */
    private static void leave(InputStream stream) {
        try {
            stream.close();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}

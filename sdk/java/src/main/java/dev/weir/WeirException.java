package dev.weir;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import dev.weir.errors.v1.Reason;
import dev.weir.google.rpc.BadRequest;
import dev.weir.google.rpc.ErrorInfo;
import dev.weir.google.rpc.RetryInfo;
import dev.weir.internal.Wire;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/**
 * A whole call failed: credentials, a malformed request, overload, an unreachable Weir, the
 * deadline. Items that cannot be had do not raise it; they are refused one by one.
 */
public final class WeirException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final Metadata.Key<byte[]> DETAILS =
            Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
    private static final Metadata.Key<String> REQUEST_ID =
            Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);
    /** The field `details` of google.rpc.Status. */
    private static final int DETAILS_FIELD = 3;

    private final Status.Code code;
    private final Reason reason;
    private final String text;
    private final transient Optional<Duration> retryDelay;
    private final transient List<Violation> violations;
    private final String requestId;

    private WeirException(
            Status.Code code, Reason reason, String text, Details details, Throwable cause) {
        super(messageOf(code, reason, text, details.violations), cause);
        this.code = code;
        this.reason = reason;
        this.text = text;
        this.retryDelay = details.retryDelay;
        this.violations = List.copyOf(details.violations);
        this.requestId = details.requestId;
    }

    static WeirException of(Status.Code code, Reason reason, String text, Throwable cause) {
        return new WeirException(code, reason, text, new Details(), cause);
    }

    /** The same as something that may be tried again at once. */
    static WeirException passing(Reason reason, String text, Throwable cause) {
        Details details = new Details();
        details.retryDelay = Optional.of(Duration.ZERO);
        return new WeirException(Status.Code.UNAVAILABLE, reason, text, details, cause);
    }

    static WeirException cancelled(Throwable cause) {
        return of(Status.Code.CANCELLED, Reason.REASON_CANCELLED, "cancelled by the caller", cause);
    }

    static WeirException late(Duration timeout) {
        String text = "no answer within " + timeout.toMillis() + " ms";
        return of(Status.Code.DEADLINE_EXCEEDED, Reason.REASON_DEADLINE_EXCEEDED, text, null);
    }

    /**
     * Reads what a generated stub threw, with the details that Weir gives.
     *
     * @return the error itself when it is one already
     */
    public static WeirException from(Throwable error) {
        Throwable thrown = unwrap(error);
        if (thrown instanceof WeirException known) return known;
        Status status = Status.fromThrowable(thrown);
        Details details = Details.read(Status.trailersFromThrowable(thrown));
        String text = Optional.ofNullable(status.getDescription()).orElse("no more is known");
        Reason reason = details.reason.orElseGet(() -> reasonOf(status.getCode()));
        return new WeirException(status.getCode(), reason, text, details, thrown);
    }

    /** The same with a way to mend it. */
    public WeirException withAdvice(String advice) {
        Details details = new Details();
        details.retryDelay = retryDelay;
        details.violations = violations;
        details.requestId = requestId;
        return new WeirException(code, reason, text + " (" + advice + ")", details, this);
    }

    /** The gRPC status code. */
    public Status.Code code() {
        return code;
    }

    /** The stable reason; {@code REASON_UNSPECIFIED} when the error is not Weir's own. */
    public Reason reason() {
        return reason;
    }

    /** The name of the reason, such as {@code KEY_NOT_FOUND}. */
    public String reasonName() {
        return nameOf(reason);
    }

    /** What went wrong and how to mend it, for people. */
    public String text() {
        return text;
    }

    /** When to try again. Empty: trying again will not help by itself. */
    public Optional<Duration> retryDelay() {
        return retryDelay;
    }

    /** The faults of the request, place by place. Empty unless the request was malformed. */
    public List<Violation> violations() {
        return violations;
    }

    /** Leads to the call's log line in Weir. Empty when the call never got there. */
    public Optional<String> requestId() {
        return Optional.ofNullable(requestId);
    }

    static Throwable unwrap(Throwable error) {
        boolean isWrapper =
                error instanceof CompletionException || error instanceof ExecutionException;
        return isWrapper && error.getCause() != null ? unwrap(error.getCause()) : error;
    }

    static String nameOf(Reason reason) {
        return reason.name().replaceFirst("^REASON_", "");
    }

    private static Reason reasonOf(Status.Code code) {
        return switch (code) {
            case DEADLINE_EXCEEDED -> Reason.REASON_DEADLINE_EXCEEDED;
            case CANCELLED -> Reason.REASON_CANCELLED;
            default -> Reason.REASON_UNSPECIFIED;
        };
    }

    private static String messageOf(
            Status.Code code, Reason reason, String text, List<Violation> violations) {
        StringBuilder message = new StringBuilder(code.name());
        if (reason != Reason.REASON_UNSPECIFIED) {
            message.append(" (").append(nameOf(reason)).append(')');
        }
        message.append(": ").append(text);
        for (Violation each : violations) {
            message.append("\n  ").append(each.field()).append(": ").append(each.description());
        }
        return message.toString();
    }

    /** What stands in the trailers beside code and text. */
    private static final class Details {
        private Optional<Reason> reason = Optional.empty();
        private Optional<Duration> retryDelay = Optional.empty();
        private List<Violation> violations = List.of();
        private String requestId;

        static Details read(Metadata trailers) {
            Details details = new Details();
            byte[] status = trailers == null ? null : trailers.get(DETAILS);
            if (status != null) details.readStatus(status);
            String requestId = trailers == null ? null : trailers.get(REQUEST_ID);
            if (requestId != null) details.requestId = requestId;
            return details;
        }

        private void readStatus(byte[] status) {
            try {
                UnknownFieldSet fields = UnknownFieldSet.parseFrom(status);
                for (var bytes : fields.getField(DETAILS_FIELD).getLengthDelimitedList()) {
                    readDetail(Any.parseFrom(bytes));
                }
            } catch (InvalidProtocolBufferException error) {
                // Code and text say enough of an error whose details cannot be read.
                violations = List.of();
            }
        }

        private void readDetail(Any detail) throws InvalidProtocolBufferException {
            if (detail.is(ErrorInfo.class)) {
                readInfo(detail.unpack(ErrorInfo.class));
            } else if (detail.is(RetryInfo.class)) {
                RetryInfo info = detail.unpack(RetryInfo.class);
                retryDelay = Optional.of(Wire.duration(info.getRetryDelay()));
            } else if (detail.is(BadRequest.class)) {
                violations =
                        detail.unpack(BadRequest.class).getFieldViolationsList().stream()
                                .map(each -> new Violation(each.getField(), each.getDescription()))
                                .toList();
            }
        }

        private void readInfo(ErrorInfo info) {
            if (!info.getDomain().equals("weir")) return;
            String name = info.getReason();
            String full = name.startsWith("REASON_") ? name : "REASON_" + name;
            var known = Reason.getDescriptor().findValueByName(full);
            reason =
                    Optional.of(
                            known == null ? Reason.REASON_UNSPECIFIED : Reason.valueOf(known));
            String id = info.getMetadataOrDefault("request_id", "");
            if (!id.isEmpty()) requestId = id;
        }
    }
}

package dev.weir.internal;

import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import dev.weir.Sensitivity;
import io.grpc.Status;
import java.time.Instant;
import java.util.Optional;

/** What messages have forms of their own for. */
public final class Wire {
    private Wire() {}

    /** A span of time as messages have it. */
    public static Duration duration(java.time.Duration span) {
        return Duration.newBuilder().setSeconds(span.getSeconds()).setNanos(span.getNano()).build();
    }

    /** A span of time of a message. */
    public static java.time.Duration duration(Duration span) {
        return java.time.Duration.ofSeconds(span.getSeconds(), span.getNanos());
    }

    /** A time as messages have it. */
    public static Timestamp timestamp(Instant time) {
        return Timestamp.newBuilder()
                .setSeconds(time.getEpochSecond())
                .setNanos(time.getNano())
                .build();
    }

    /** A time of a message. */
    public static Instant instant(Timestamp time) {
        return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    }

    /** A sensitivity as messages have it. */
    public static dev.weir.context.v1.Sensitivity sensitivity(Sensitivity sensitivity) {
        return dev.weir.context.v1.Sensitivity.valueOf("SENSITIVITY_" + sensitivity.name());
    }

    /** A sensitivity of a message; empty when it states none that is known. */
    public static Optional<Sensitivity> sensitivity(dev.weir.context.v1.Sensitivity sensitivity) {
        return switch (sensitivity) {
            case SENSITIVITY_PUBLIC -> Optional.of(Sensitivity.PUBLIC);
            case SENSITIVITY_INTERNAL -> Optional.of(Sensitivity.INTERNAL);
            case SENSITIVITY_CONFIDENTIAL -> Optional.of(Sensitivity.CONFIDENTIAL);
            case SENSITIVITY_RESTRICTED -> Optional.of(Sensitivity.RESTRICTED);
            case SENSITIVITY_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    /** The code that a number on the wire stands for. */
    public static Status.Code code(int number) {
        return Status.fromCodeValue(number).getCode();
    }
}

package dev.weir.provider;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import dev.weir.google.rpc.RetryInfo;
import dev.weir.internal.Wire;
import dev.weir.provider.v1.ListRequest;
import dev.weir.provider.v1.ListResponse;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.Executor;

/** Lists keys of a type. */
final class ListAnswer {
    private static final int DEFAULT_PAGE_SIZE = 50;
    private static final int MAX_PAGE_SIZE = 500;
    private static final Metadata.Key<byte[]> DETAILS =
            Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

    private ListAnswer() {}

    static void answer(
            Provider provider,
            ListRequest request,
            StreamObserver<ListResponse> router,
            Executor workers,
            OnFault onFault) {
        ContextSource source =
                provider.context(request.getType(), request.getTypeVersion())
                        .filter(ContextSource::isListable)
                        .orElse(null);
        if (source == null) {
            String text = "this provider does not list " + request.getType();
            router.onError(Status.UNIMPLEMENTED.withDescription(text).asRuntimeException());
            return;
        }
        Context context = Context.current();
        ListQuery query = queryOf(request, context);
        Work.run(
                context,
                workers,
                () -> responseOf(source.list.list(query), query.pageSize()),
                (response, error) -> {
                    if (context.isCancelled()) return;
                    if (error == null) {
                        router.onNext(response);
                        router.onCompleted();
                        return;
                    }
                    if (!(error instanceof ProviderException)) {
                        onFault.tell("list of " + request.getType(), error);
                    }
                    router.onError(errorOf(error));
                });
    }

    private static ListQuery queryOf(ListRequest request, Context context) {
        int asked = request.getPageSize();
        return new ListQuery(
                request.getKeyPrefix(),
                request.getQuery(),
                Math.min(asked > 0 ? asked : DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
                request.getPageToken(),
                Caller.read(request.getCaller()),
                new Cancellation(context));
    }

    private static ListResponse responseOf(ListPage page, int pageSize) {
        if (page.entries().size() > pageSize) {
            throw new IllegalStateException(
                    "list returned " + page.entries().size() + " entries for a page of " + pageSize
                            + ": return at most pageSize");
        }
        ListResponse.Builder response =
                ListResponse.newBuilder().setNextPageToken(page.nextPageToken());
        for (ListEntry entry : page.entries()) response.addEntries(entry.toWire());
        return response.build();
    }

    /** The error of a call; of what is no ProviderException nothing is told. */
    private static StatusRuntimeException errorOf(Throwable error) {
        if (!(error instanceof ProviderException known)) {
            return Status.INTERNAL.withDescription(Encoding.INTERNAL_TEXT).asRuntimeException();
        }
        Status status = known.code().toStatus().withDescription(known.getMessage());
        Metadata trailers = new Metadata();
        known.retryDelay()
                .map(delay -> RetryInfo.newBuilder().setRetryDelay(Wire.duration(delay)).build())
                .ifPresent(info -> trailers.put(DETAILS, detailsOf(status, Any.pack(info))));
        return status.asRuntimeException(trailers);
    }

    /** The bytes of google.rpc.Status: code, message, details. */
    private static byte[] detailsOf(Status status, Any detail) {
        ByteString text = ByteString.copyFromUtf8(status.getDescription());
        return UnknownFieldSet.newBuilder()
                .addField(1, Field.newBuilder().addVarint(status.getCode().value()).build())
                .addField(2, Field.newBuilder().addLengthDelimited(text).build())
                .addField(3, Field.newBuilder().addLengthDelimited(detail.toByteString()).build())
                .build()
                .toByteArray();
    }
}

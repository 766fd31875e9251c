package dev.weir;

import dev.weir.router.v1.ListContextRequest;
import java.time.Duration;
import java.util.function.Consumer;

/** What to list. */
public final class ListOptions {
    /** Everything. */
    public static final ListOptions ALL = builder().build();

    private static final int MAX_PAGE_SIZE = 500;

    private final ListContextRequest request;
    private final Duration timeout;
    private final Consumer<ListGap> onGap;

    private ListOptions(Builder given) {
        this.request = given.request.build();
        this.timeout = given.timeout;
        this.onGap = given.onGap;
    }

    /** Begins with everything. */
    public static Builder builder() {
        return new Builder();
    }

    /** Everything of a context type. */
    public static ListOptions ofType(String type) {
        return builder().type(type).build();
    }

    ListContextRequest request(String pageToken) {
        return pageToken.isEmpty() ? request : request.toBuilder().setPageToken(pageToken).build();
    }

    Duration timeoutOr(Duration other) {
        return timeout == null ? other : timeout;
    }

    void tell(ListGap gap) {
        onGap.accept(gap);
    }

    /** Says what to list. */
    public static final class Builder {
        private final ListContextRequest.Builder request = ListContextRequest.newBuilder();
        private Duration timeout;
        private Consumer<ListGap> onGap = gap -> {};

        private Builder() {}

        /** The context type. Default: all types. */
        public Builder type(String value) {
            request.setType(value);
            return this;
        }

        /** Only keys that begin with this. */
        public Builder keyPrefix(String value) {
            request.setKeyPrefix(value);
            return this;
        }

        /** Only what matches these words, best match first. */
        public Builder query(String value) {
            request.setQuery(value);
            return this;
        }

        /** Only this provider's. Default: all providers. */
        public Builder provider(String value) {
            request.setProvider(value);
            return this;
        }

        /** The greatest number of entries of a page, 1 to 500. Default: 50. */
        public Builder pageSize(int value) {
            if (value < 1 || value > MAX_PAGE_SIZE) {
                throw new IllegalArgumentException("pageSize is " + value + ": give 1 to 500");
            }
            request.setPageSize(value);
            return this;
        }

        /** Where to go on: {@code nextPageToken} of the page before, with the same options. */
        public Builder pageToken(String value) {
            request.setPageToken(value);
            return this;
        }

        /** What the call is for, as of a fetch. Default: not stated. */
        public Builder purpose(String value) {
            request.setPurpose(value);
            return this;
        }

        /** The time of each page's call, retries included. Default: the client's. */
        public Builder timeout(Duration value) {
            timeout = Limits.timeout(value);
            return this;
        }

        /** Told of each provider that could not be asked. Default: nobody is. */
        public Builder onGap(Consumer<ListGap> value) {
            onGap = value;
            return this;
        }

        /** The options. */
        public ListOptions build() {
            return new ListOptions(this);
        }
    }
}

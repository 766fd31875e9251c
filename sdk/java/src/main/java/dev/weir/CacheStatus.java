package dev.weir;

/** How the router came by an outcome. */
public enum CacheStatus {
    /** Nothing was looked up. */
    NONE,
    /** Fetched from the provider for this call. */
    MISS,
    /** Served from the router's memory. */
    HIT_MEMORY,
    /** Served from the cache that routers share. */
    HIT_SHARED,
    /** Past its time to live, served while it is refreshed. */
    STALE,
    /** The provider said that what the router held is still the value. */
    REVALIDATED,
    /** Fetched by another call that wanted it at the same time. */
    COALESCED,
    /** The cache was not used. */
    BYPASS;

    static CacheStatus of(dev.weir.context.v1.CacheStatus wire) {
        return switch (wire) {
            case CACHE_STATUS_UNSPECIFIED, UNRECOGNIZED -> NONE;
            default -> valueOf(wire.name().substring("CACHE_STATUS_".length()));
        };
    }
}

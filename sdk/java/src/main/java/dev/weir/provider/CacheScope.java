package dev.weir.provider;

/** Among whom a cached value may be shared. */
public enum CacheScope {
    /** All principals of a tenant. */
    TENANT,
    /** One principal. */
    PRINCIPAL,
    /** Nobody: it is never cached. */
    NONE;

    dev.weir.registry.v1.CacheScope toWire() {
        return dev.weir.registry.v1.CacheScope.valueOf("CACHE_SCOPE_" + name());
    }
}

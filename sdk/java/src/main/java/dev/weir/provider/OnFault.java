package dev.weir.provider;

/** Told of each error that callers learn nothing of. */
@FunctionalInterface
interface OnFault {
    void tell(String what, Throwable error);
}

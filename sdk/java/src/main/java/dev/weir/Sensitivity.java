package dev.weir;

/** How sensitive a value is, from low to high. */
public enum Sensitivity {
    /** Anybody may know it. */
    PUBLIC,
    /** Members of the tenant may know it. */
    INTERNAL,
    /** Only those who need it may know it. */
    CONFIDENTIAL,
    /** Only named persons may know it. */
    RESTRICTED
}

package dev.weir;

/** An item that {@link Weir#get} was asked for is refused. */
public final class ItemRefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient ContextRef ref;
    private final transient Refusal refusal;

    /** Says that there is no item for a ref. */
    public ItemRefusedException(ContextRef ref, Refusal refusal) {
        super(ref + ": " + refusal.reasonName() + ": " + refusal.text());
        this.ref = ref;
        this.refusal = refusal;
    }

    /** What was asked for. */
    public ContextRef ref() {
        return ref;
    }

    /** Why there is no item. */
    public Refusal refusal() {
        return refusal;
    }
}

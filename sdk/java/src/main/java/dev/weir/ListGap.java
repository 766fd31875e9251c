package dev.weir;

/**
 * A provider that a list is without, for it could not be asked.
 *
 * @param provider the provider's name
 * @param type the context type that it was asked for
 * @param refusal why it could not be asked
 */
public record ListGap(String provider, String type, Refusal refusal) {
    static ListGap read(dev.weir.router.v1.ListGap wire) {
        return new ListGap(wire.getProvider(), wire.getType(), Refusal.read(wire.getRefusal()));
    }
}

package dev.weir;

import java.util.OptionalDouble;

/**
 * How far a tool is.
 *
 * @param progress grows from one to the next
 * @param total what it grows to, when that is known
 * @param text for people
 */
public record Progress(double progress, OptionalDouble total, String text) {
    static Progress read(dev.weir.provider.v1.Progress wire) {
        return new Progress(
                wire.getProgress(),
                wire.hasTotal() ? OptionalDouble.of(wire.getTotal()) : OptionalDouble.empty(),
                wire.getText());
    }
}

package dev.weir;

import java.util.regex.Pattern;

/**
 * What a consumer asks for.
 *
 * @param type the name of a context type, such as {@code DocChunk}
 * @param key the key of the item within its type; 1 to 1,024 bytes of UTF-8
 * @param versionRange the acceptable versions of the type, a semver range; empty: the consumer's
 *     pin, else any
 * @param provider the name of the provider to ask; empty: the router chooses
 */
public record ContextRef(String type, String key, String versionRange, String provider) {
    private static final Pattern TYPE_NAME = Pattern.compile("[A-Z][A-Za-z0-9]{0,62}");

    /** A ref to an item of any version, of whichever provider has it. */
    public static ContextRef of(String type, String key) {
        return new ContextRef(type, key, "", "");
    }

    /**
     * Reads a ref written as {@code TYPE/KEY} or {@code TYPE@RANGE/KEY}. The key is everything
     * after the first slash, further slashes included.
     *
     * @throws IllegalArgumentException when the text is no ref; the message says how to mend it
     */
    public static ContextRef parse(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            throw fault(text, "has no key: write TYPE/KEY, such as DocChunk/README.md");
        }
        String head = text.substring(0, slash);
        String key = text.substring(slash + 1);
        int at = head.indexOf('@');
        String type = at < 0 ? head : head.substring(0, at);
        String range = at < 0 ? "" : head.substring(at + 1).trim();
        if (!TYPE_NAME.matcher(type).matches()) {
            String form = "must be A-Z, a-z, 0-9 after a capital";
            throw fault(text, "has no valid type: \"" + type + "\" " + form);
        }
        if (key.isEmpty()) throw fault(text, "has an empty key: write what follows the slash");
        if (at >= 0 && range.isEmpty()) {
            throw fault(text, "has an empty version range: drop the \"@\"");
        }
        return new ContextRef(type, key, range, "");
    }

    /** The same, of versions within a semver range such as {@code ^1.2}. */
    public ContextRef withVersionRange(String range) {
        return new ContextRef(type, key, range, provider);
    }

    /** The same, of one provider. */
    public ContextRef withProvider(String name) {
        return new ContextRef(type, key, versionRange, name);
    }

    /** The ref as text; the provider has no place in it. */
    @Override
    public String toString() {
        return type + (versionRange.isEmpty() ? "" : "@" + versionRange) + "/" + key;
    }

    static ContextRef read(dev.weir.context.v1.ContextRef wire) {
        return new ContextRef(
                wire.getType(), wire.getKey(), wire.getVersionRange(), wire.getProvider());
    }

    dev.weir.context.v1.ContextRef toWire() {
        return dev.weir.context.v1.ContextRef.newBuilder()
                .setType(type)
                .setKey(key)
                .setVersionRange(versionRange)
                .setProvider(provider)
                .build();
    }

    private static IllegalArgumentException fault(String text, String what) {
        return new IllegalArgumentException("the ref \"" + text + "\" " + what);
    }
}

package dev.weir;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Holds what is read from a link to the size and hash that were announced. */
final class LinkCheck {
    private final ValueLink link;
    private final MessageDigest digest;
    private long readBytes;

    LinkCheck(ValueLink link) {
        this.link = link;
        try {
            this.digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }

    long readBytes() {
        return readBytes;
    }

    void update(ByteBuffer bytes) {
        readBytes += bytes.remaining();
        if (readBytes > link.sizeBytes()) {
            throw Links.otherValue("is longer than the " + link.sizeBytes() + " bytes announced");
        }
        digest.update(bytes.duplicate());
    }

    void end() {
        if (readBytes < link.sizeBytes()) {
            String text = "the value broke off after %d of %d bytes";
            throw Links.unavailable(String.format(text, readBytes, link.sizeBytes()), null);
        }
        if (!HexFormat.of().formatHex(digest.digest()).equals(link.sha256())) {
            throw Links.otherValue("does not have the hash announced");
        }
    }
}

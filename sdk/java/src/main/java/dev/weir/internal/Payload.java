package dev.weir.internal;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Values and their media types. */
public final class Payload {
    /** The media type of JSON values, the default. */
    public static final String JSON = "application/json";

    /** The media type of texts. */
    public static final String TEXT = "text/plain; charset=utf-8";

    /** The media type of bytes. */
    public static final String BYTES = "application/octet-stream";

    private Payload() {}

    /**
     * Reads a payload: a JsonElement when it is JSON, a String when it is text, else the bytes.
     *
     * @throws com.google.gson.JsonParseException when it is not the JSON that it should be
     */
    public static Object read(String contentType, byte[] bytes) {
        String mediaType = mediaTypeOf(contentType);
        if (mediaType.equals(JSON) || mediaType.endsWith("+json")) return Json.read(bytes);
        return mediaType.startsWith("text/") ? new String(bytes, StandardCharsets.UTF_8) : bytes;
    }

    /** The bytes of a value: of a byte array these, of a text its UTF-8, of all else its JSON. */
    public static byte[] bytesOf(Object value) {
        if (value instanceof byte[] bytes) return bytes;
        String text = value instanceof String string ? string : Json.write(value);
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** The media type of a value whose author names none. */
    public static String typeOf(Object value) {
        if (value instanceof byte[]) return BYTES;
        return value instanceof String ? TEXT : JSON;
    }

    private static String mediaTypeOf(String contentType) {
        String given = contentType.isEmpty() ? JSON : contentType;
        return given.split(";", 2)[0].trim().toLowerCase(Locale.ROOT);
    }
}

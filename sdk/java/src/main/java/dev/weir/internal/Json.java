package dev.weir.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** JSON as values travel in it: UTF-8, with its nulls, and nothing escaped that need not be. */
public final class Json {
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();
    private static final TypeAdapter<JsonElement> ELEMENTS = GSON.getAdapter(JsonElement.class);

    private Json() {}

    /**
     * Writes a value.
     *
     * @throws IllegalArgumentException when it has no JSON, such as NaN
     */
    public static String write(Object value) {
        return GSON.toJson(value);
    }

    /** Reads bytes that must be one JSON value in UTF-8. */
    public static JsonElement read(byte[] bytes) {
        try {
            return read(
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .onMalformedInput(CodingErrorAction.REPORT)
                            .onUnmappableCharacter(CodingErrorAction.REPORT)
                            .decode(ByteBuffer.wrap(bytes))
                            .toString());
        } catch (CharacterCodingException error) {
            throw new JsonParseException("the bytes are not UTF-8", error);
        }
    }

    /** Reads a text that must be one JSON value. */
    public static JsonElement read(String text) {
        try (JsonReader reader = new JsonReader(new StringReader(text))) {
            JsonElement value = ELEMENTS.read(reader);
            if (reader.peek() != JsonToken.END_DOCUMENT) {
                throw new JsonParseException("something follows the JSON value");
            }
            return value;
        } catch (IOException error) {
            throw new JsonParseException(error);
        }
    }

    /** Makes an object of a class from a value. */
    public static <T> T as(JsonElement value, Class<T> type) {
        return GSON.fromJson(value, type);
    }

    /** A JSON object as messages have it. */
    public static Struct toStruct(String object) throws InvalidProtocolBufferException {
        Struct.Builder struct = Struct.newBuilder();
        JsonFormat.parser().merge(object, struct);
        return struct.build();
    }

    /** A JSON object of a message. */
    public static JsonElement fromStruct(Struct struct) {
        try {
            return read(JsonFormat.printer().omittingInsignificantWhitespace().print(struct));
        } catch (InvalidProtocolBufferException error) {
            throw new IllegalArgumentException(error);
        }
    }
}

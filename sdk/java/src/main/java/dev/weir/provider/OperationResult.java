package dev.weir.provider;

import com.google.gson.JsonObject;

/** What an operation returns that is more than a value. */
public final class OperationResult {
    final Object value;
    final boolean isError;
    final boolean isPieces;

    private OperationResult(Object value, boolean isError, boolean isPieces) {
        this.value = value;
        this.isError = isError;
        this.isPieces = isPieces;
    }

    /** The operation itself failed; the value says how, for whoever called it. */
    public static OperationResult error(Object value) {
        return new OperationResult(value, true, false);
    }

    /**
     * A result made of pieces, as the Model Context Protocol has CallToolResult: {@code content},
     * {@code structuredContent} and {@code isError}.
     */
    public static OperationResult pieces(JsonObject result) {
        boolean isError = result.has("isError") && result.get("isError").getAsBoolean();
        return new OperationResult(result, isError, true);
    }
}

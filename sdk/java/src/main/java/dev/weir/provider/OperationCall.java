package dev.weir.provider;

import com.google.gson.JsonObject;
import dev.weir.internal.Json;
import dev.weir.provider.v1.Progress;
import java.util.function.Consumer;

/** A call of an operation. */
public final class OperationCall {
    private final JsonObject arguments;
    private final Caller caller;
    private final Cancellation cancellation;
    private final Consumer<Progress> told;

    OperationCall(
            JsonObject arguments,
            Caller caller,
            Cancellation cancellation,
            Consumer<Progress> told) {
        this.arguments = arguments;
        this.caller = caller;
        this.cancellation = cancellation;
        this.told = told;
    }

    /** The arguments. Routers hold them to the schema wherever they can. */
    public JsonObject arguments() {
        return arguments;
    }

    /**
     * The arguments as an object of a class, by Gson.
     *
     * @throws com.google.gson.JsonParseException when they do not fit the class
     */
    public <T> T arguments(Class<T> type) {
        return Json.as(arguments, type);
    }

    /** For whom. */
    public Caller caller() {
        return caller;
    }

    /** Whether the result is still wanted, and until when. */
    public Cancellation cancellation() {
        return cancellation;
    }

    /** Whether anybody wants to know how far the operation is. */
    public boolean wantsProgress() {
        return told != null;
    }

    /** Tells how far the operation is; dropped when nobody wants to know. */
    public void progress(double progress) {
        tell(Progress.newBuilder().setProgress(progress));
    }

    /** Tells how far the operation is, of how much, and a text for people. */
    public void progress(double progress, double total, String text) {
        tell(Progress.newBuilder().setProgress(progress).setTotal(total).setText(text));
    }

    private void tell(Progress.Builder progress) {
        if (told != null) told.accept(progress.build());
    }
}

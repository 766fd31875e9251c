package dev.weir.conformance;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import dev.weir.ContextItem;
import dev.weir.ContextRef;
import dev.weir.DeliveredEvent;
import dev.weir.Event;
import dev.weir.FetchOptions;
import dev.weir.ItemRefusedException;
import dev.weir.ListOptions;
import dev.weir.Outcome;
import dev.weir.PublishOptions;
import dev.weir.Refusal;
import dev.weir.SubscribeOptions;
import dev.weir.Subscription;
import dev.weir.ToolOptions;
import dev.weir.ToolResult;
import dev.weir.Weir;
import dev.weir.WeirException;
import dev.weir.errors.v1.Reason;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

/** The consumer of sdk/conformance/README.md: does what each line says. */
final class ProbeConsumer {
    private static final String PIECES = "application/vnd.weir.tool-result+json";
    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();
    private static final Gson WHOLE =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private final Weir weir;
    private final Map<Integer, Thread> underWay = new ConcurrentHashMap<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    ProbeConsumer(Map<String, String> environment) {
        weir = Weir.connect(environment.get("WEIR_URL"), environment.get("WEIR_KEY"));
    }

    /** A line of input. */
    private static final class Command {
        int id;
        String doing;
        List<String> refs = List.of();
        Long timeoutMs;
        Long itemTimeoutMs;
        Double minQuality;
        String type;
        String key = "";
        String keyPrefix = "";
        String query = "";
        Integer pageSize;
        String provider = "";
        String tool;
        JsonObject arguments = new JsonObject();
        boolean progress;
        String topic;
        List<String> topics = List.of();
        JsonElement data;
        String from;
        int count = 1;
        boolean fetch;
        int of;
    }

    void run() throws IOException {
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonObject given = JsonParser.parseString(line).getAsJsonObject();
            given.add("doing", given.get("do"));
            Command command = GSON.fromJson(given, Command.class);
            threads.execute(() -> answer(command));
        }
        weir.close();
        Runtime.getRuntime().halt(0);
    }

    private void answer(Command command) {
        underWay.put(command.id, Thread.currentThread());
        JsonObject answer = new JsonObject();
        answer.addProperty("id", command.id);
        try {
            answer.add("result", resultOf(command));
        } catch (RuntimeException error) {
            answer.add("error", errorOf(error));
        } finally {
            underWay.remove(command.id);
        }
        Driver.say(WHOLE.toJson(answer));
    }

    private JsonElement resultOf(Command command) {
        return switch (command.doing) {
            case "fetch" -> outcomesOf(weir.fetch(refsOf(command), optionsOf(command)).stream());
            case "stream" -> stream(command);
            case "get" -> get(command);
            case "list" -> list(command);
            case "call" -> call(command);
            case "publish" -> publish(command);
            case "subscribe" -> subscribe(command);
            case "cancel" -> cancel(command);
            default -> throw new IllegalArgumentException("nothing is called " + command.doing);
        };
    }

    private JsonElement stream(Command command) {
        try (Stream<Outcome> outcomes = weir.stream(refsOf(command), optionsOf(command))) {
            return outcomesOf(outcomes);
        }
    }

    private JsonElement get(Command command) {
        ContextRef ref = ContextRef.of(command.type, command.key);
        ContextItem item = weir.get(ref, optionsOf(command));
        return itemOf(ref, item);
    }

    private JsonElement list(Command command) {
        ListOptions.Builder options =
                ListOptions.builder()
                        .keyPrefix(command.keyPrefix)
                        .query(command.query)
                        .provider(command.provider);
        if (command.type != null) options.type(command.type);
        if (command.pageSize != null) options.pageSize(command.pageSize);
        if (command.timeoutMs != null) options.timeout(Duration.ofMillis(command.timeoutMs));
        JsonArray listed = new JsonArray();
        weir.list(options.build())
                .forEach(
                        entry -> {
                            JsonObject each = new JsonObject();
                            each.addProperty("ref", entry.ref().toString());
                            each.addProperty("title", entry.title());
                            listed.add(each);
                        });
        return listed;
    }

    private JsonElement call(Command command) {
        JsonArray progress = new JsonArray();
        ToolOptions.Builder options = ToolOptions.builder();
        if (command.progress) options.onProgress(told -> progress.add(told.progress()));
        if (command.timeoutMs != null) options.timeout(Duration.ofMillis(command.timeoutMs));
        ToolResult called = weir.call(command.tool, command.arguments, options.build());
        boolean isPieces = called.contentType().equals(PIECES);
        JsonObject result = new JsonObject();
        result.add(
                "value",
                isPieces
                        ? called.json().getAsJsonObject().get("structuredContent")
                        : plain(called.value()));
        result.addProperty("isError", called.isError());
        result.add("progress", progress);
        return result;
    }

    private JsonElement publish(Command command) {
        Event.Builder event = Event.builder(command.topic).key(command.key);
        if (command.data != null) event.data(command.data);
        for (ContextRef ref : refsOf(command)) event.ref(ref);
        PublishOptions options = PublishOptions.DEFAULT;
        if (command.timeoutMs != null) {
            options = options.withTimeout(Duration.ofMillis(command.timeoutMs));
        }
        JsonObject result = new JsonObject();
        result.addProperty("ids", weir.publish(List.of(event.build()), options).ids().size());
        return result;
    }

    private JsonElement subscribe(Command command) {
        SubscribeOptions.Builder options = SubscribeOptions.builder();
        if ("earliest".equals(command.from)) options.fromEarliest();
        else if (command.from != null) options.cursor(command.from);
        if (command.fetch) options.fetchItems();
        JsonArray events = new JsonArray();
        try (Subscription subscription = weir.subscribe(command.topics, options.build())) {
            while (events.size() < command.count && subscription.hasNext()) {
                events.add(eventOf(subscription.next()));
            }
        }
        return events;
    }

    private JsonElement cancel(Command command) {
        Thread thread = underWay.get(command.of);
        if (thread != null) thread.interrupt();
        return new JsonObject();
    }

    private static List<ContextRef> refsOf(Command command) {
        return command.refs.stream().map(ContextRef::parse).toList();
    }

    private static FetchOptions optionsOf(Command command) {
        FetchOptions.Builder options = FetchOptions.builder();
        if (command.timeoutMs != null) options.timeout(Duration.ofMillis(command.timeoutMs));
        if (command.itemTimeoutMs != null) {
            options.itemTimeout(Duration.ofMillis(command.itemTimeoutMs));
        }
        if (command.minQuality != null) options.minQuality(command.minQuality);
        return options.build();
    }

    private static JsonArray outcomesOf(Stream<Outcome> outcomes) {
        JsonArray all = new JsonArray();
        outcomes.forEach(outcome -> all.add(outcomeOf(outcome)));
        return all;
    }

    private static JsonObject outcomeOf(Outcome outcome) {
        if (outcome instanceof Outcome.Refused refused) {
            JsonObject result = refusalOf(refused.refusal());
            result.addProperty("ref", nameOf(outcome.ref()));
            result.addProperty("ok", false);
            return result;
        }
        JsonObject result = itemOf(outcome.ref(), outcome.itemOrThrow());
        result.addProperty("cache", outcome.cache().name());
        return result;
    }

    private static JsonObject itemOf(ContextRef ref, ContextItem item) {
        JsonObject result = new JsonObject();
        result.addProperty("ref", nameOf(ref));
        result.addProperty("ok", true);
        result.add("value", plain(item.value()));
        result.addProperty("contentType", item.contentType());
        result.addProperty("provider", item.provenance().provider());
        result.addProperty("sensitivity", item.sensitivity().name().toLowerCase());
        item.quality().ifPresent(quality -> result.addProperty("quality", quality));
        result.addProperty("source", item.provenance().source());
        result.add("labels", GSON.toJsonTree(item.labels()));
        result.addProperty("owner", item.owner());
        result.addProperty("asOf", item.asOf().toString());
        return result;
    }

    private static String nameOf(ContextRef ref) {
        return ref.type() + "/" + ref.key();
    }

    private static JsonElement plain(Object value) {
        if (value == null) return JsonNull.INSTANCE;
        if (value instanceof JsonElement element) return element;
        if (value instanceof String text) return new JsonPrimitive(text);
        byte[] bytes = (byte[]) value;
        JsonObject result = new JsonObject();
        result.addProperty("bytes", bytes.length);
        result.addProperty("sha256", hashOf(bytes));
        return result;
    }

    private static String hashOf(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private static JsonObject eventOf(DeliveredEvent event) {
        JsonObject result = new JsonObject();
        result.addProperty("topic", event.topic());
        result.addProperty("key", event.key());
        if (event.data().length > 0) result.add("data", event.json());
        result.addProperty("cursor", event.cursor());
        result.add("items", outcomesOf(event.items().stream()));
        return result;
    }

    private static JsonObject errorOf(RuntimeException error) {
        if (error instanceof ItemRefusedException refused) return refusalOf(refused.refusal());
        JsonObject result = new JsonObject();
        if (!(error instanceof WeirException known)) {
            result.addProperty("code", "INVALID_ARGUMENT");
            result.addProperty("text", String.valueOf(error));
            return result;
        }
        result.addProperty("code", known.code().name());
        if (known.reason() != Reason.REASON_UNSPECIFIED) {
            result.addProperty("reason", known.reasonName());
        }
        result.addProperty("text", known.text());
        known.retryDelay()
                .ifPresent(delay -> result.addProperty("retryDelayMs", delay.toMillis()));
        return result;
    }

    private static JsonObject refusalOf(Refusal refusal) {
        JsonObject result = new JsonObject();
        result.addProperty("code", refusal.code().name());
        result.addProperty("reason", refusal.reasonName());
        result.addProperty("text", refusal.text());
        refusal.retryDelay()
                .ifPresent(delay -> result.addProperty("retryDelayMs", delay.toMillis()));
        return result;
    }
}

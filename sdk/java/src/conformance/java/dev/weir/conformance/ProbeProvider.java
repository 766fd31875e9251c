package dev.weir.conformance;

import com.google.gson.JsonObject;
import dev.weir.Sensitivity;
import dev.weir.WeirException;
import dev.weir.errors.v1.Reason;
import dev.weir.provider.ContextAnswer;
import dev.weir.provider.ContextQuery;
import dev.weir.provider.ContextSource;
import dev.weir.provider.ContextValue;
import dev.weir.provider.ListEntry;
import dev.weir.provider.ListPage;
import dev.weir.provider.ListQuery;
import dev.weir.provider.Operation;
import dev.weir.provider.OperationCall;
import dev.weir.provider.OperationResult;
import dev.weir.provider.Provider;
import dev.weir.provider.ProviderException;
import dev.weir.provider.RunningProvider;
import dev.weir.provider.ServeOptions;
import io.grpc.Status;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;

/** The provider of sdk/conformance/README.md. */
final class ProbeProvider {
    private static final String ADD_INPUT =
            """
            {"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},\
            "required":["a","b"]}""";

    private final Map<String, String> environment;
    private final Map<String, Integer> calls = new ConcurrentHashMap<>();

    ProbeProvider(Map<String, String> environment) {
        this.environment = environment;
    }

    void run() throws InterruptedException {
        ServeOptions options =
                ServeOptions.builder(
                                environment.get("WEIR_URL"), environment.get("WEIR_KEY"))
                        .drainAtExit(false)
                        .build();
        CompletableFuture<RunningProvider> started = provider().serveAsync(options);
        // Ended by a signal, a JVM has another exit code than 0.
        Thread hook =
                new Thread(
                        () -> {
                            stop(started);
                            Runtime.getRuntime().halt(0);
                        });
        Runtime.getRuntime().addShutdownHook(hook);
        Thread input = new Thread(() -> exitAtEndOfInput());
        input.setDaemon(true);
        input.start();
        try {
            started.get();
            Driver.say("{\"event\":\"registered\"}");
            started.get().awaitClosed();
        } catch (ExecutionException error) {
            refused((WeirException) error.getCause());
        }
    }

    private static void refused(WeirException error) {
        error.printStackTrace();
        JsonObject event = new JsonObject();
        event.addProperty("event", "refused");
        event.addProperty("code", error.code().name());
        if (error.reason() != Reason.REASON_UNSPECIFIED) {
            event.addProperty("reason", error.reasonName());
        }
        Driver.say(event.toString());
        Runtime.getRuntime().halt(1);
    }

    private static void stop(CompletableFuture<RunningProvider> started) {
        if (started.cancel(true) || started.isCompletedExceptionally()) return;
        started.join().close();
    }

    private static void exitAtEndOfInput() {
        try {
            System.in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException error) {
            error.printStackTrace();
        }
        System.exit(0);
    }

    private Provider provider() {
        return Provider.builder(environment.get("WEIR_PROVIDER"), "1.0.0")
                .context(
                        ContextSource.builder("Probe", "1.0.0")
                                .schema("{\"type\":[\"object\",\"string\"]}")
                                .sensitivity(Sensitivity.PUBLIC)
                                .ttl(Duration.ZERO)
                                .fetch(ProbeProvider::probe)
                                .list(ProbeProvider::list)
                                .build())
                .context(
                        ContextSource.builder("Batch", "1.0.0")
                                .schema("{\"type\":\"object\"}")
                                .sensitivity(Sensitivity.PUBLIC)
                                .ttl(Duration.ZERO)
                                .fetchMany(ProbeProvider::batch)
                                .build())
                .context(
                        ContextSource.builder("Kept", "1.0.0")
                                .schema("{\"type\":\"object\"}")
                                .sensitivity(Sensitivity.PUBLIC)
                                .ttl(Duration.ofMinutes(1))
                                .fetch(this::kept)
                                .build())
                .operation(
                        Operation.builder("add")
                                .readOnly()
                                .input(ADD_INPUT)
                                .call(call -> call.arguments(Sum.class).added())
                                .build())
                .operation(Operation.builder("count").call(ProbeProvider::count).build())
                .operation(
                        Operation.builder("fail")
                                .call(
                                        call ->
                                                OperationResult.error(
                                                        Map.of("why", "on purpose")))
                                .build())
                .operation(Operation.builder("refuse").call(call -> refuse()).build())
                .operation(Operation.builder("crash").call(call -> crash()).build())
                .operation(Operation.builder("wait").call(ProbeProvider::await).build())
                .build();
    }

    private record Sum(double a, double b) {
        Map<String, Double> added() {
            return Map.of("sum", a + b);
        }
    }

    private static Object count(OperationCall call) {
        int to = call.arguments().get("to").getAsInt();
        for (int at = 1; at <= to; at++) call.progress(at, to, "");
        return Map.of("counted", to);
    }

    private static Object await(OperationCall call) throws InterruptedException {
        long millis = call.arguments().get("ms").getAsLong();
        Thread.sleep(millis);
        return Map.of("waited", millis);
    }

    private static ContextAnswer probe(ContextQuery query) throws InterruptedException {
        String key = query.key();
        if (key.startsWith("missing")) return null;
        String[] parts = key.split("/", 2);
        String rest = parts.length > 1 ? parts[1] : "";
        return switch (parts[0]) {
            case "refuse" -> throw refusal(rest);
            case "busy" -> throw refusal(rest).retryAfter(Duration.ofMillis(1_234));
            case "crash" -> throw crash();
            case "slow" -> {
                Thread.sleep(Long.parseLong(rest));
                yield plain(key);
            }
            case "big" -> ContextAnswer.of(bytes(Integer.parseInt(rest)));
            case "text" -> ContextAnswer.of("plain words");
            case "meta" -> meta();
            default -> plain(key);
        };
    }

    private static ContextAnswer plain(String key) {
        int characters = key.codePointCount(0, key.length());
        return ContextAnswer.of(Map.of("key", key, "characters", characters));
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        for (int at = 0; at < count; at++) bytes[at] = (byte) (at % 251);
        return bytes;
    }

    private static ContextAnswer meta() {
        return ContextValue.builder(Map.of("key", "meta"))
                .etag("e1")
                .asOf(Instant.parse("2026-01-02T03:04:05Z"))
                .quality(0.5)
                .source("probe.txt:7")
                .labels(Map.of("color", "blue"))
                .owner("ann")
                .sensitivity(Sensitivity.INTERNAL)
                .contentType("application/json")
                .build();
    }

    private static List<ContextAnswer> batch(List<ContextQuery> queries) {
        return queries.stream()
                .map(query -> ContextAnswer.of(Map.of("batch", queries.size())))
                .toList();
    }

    private ContextAnswer kept(ContextQuery query) {
        return ContextAnswer.of(Map.of("calls", calls.merge(query.key(), 1, Integer::sum)));
    }

    private static ListPage list(ListQuery query) {
        String words = query.text().toLowerCase(Locale.ROOT);
        List<Integer> found =
                IntStream.range(0, 120)
                        .filter(each -> keyOf(each).startsWith(query.keyPrefix()))
                        .filter(each -> ("entry " + each).contains(words))
                        .boxed()
                        .toList();
        int from = query.pageToken().isEmpty() ? 0 : Integer.parseInt(query.pageToken());
        int to = Math.min(found.size(), from + query.pageSize());
        return new ListPage(
                found.subList(from, to).stream()
                        .map(each -> ListEntry.of(keyOf(each), "Entry " + each))
                        .toList(),
                to < found.size() ? String.valueOf(to) : "");
    }

    private static String keyOf(int entry) {
        return String.format("entry-%03d", entry);
    }

    private static Object refuse() {
        throw refusal("FAILED_PRECONDITION");
    }

    private static ProviderException refusal(String code) {
        return new ProviderException(Status.Code.valueOf(code), "refused on purpose");
    }

    private static RuntimeException crash() {
        throw new IllegalStateException("secret words");
    }
}

package dev.weir.conformance;

import java.nio.charset.StandardCharsets;

/** The driver of sdk/conformance/README.md. */
public final class Driver {
    private Driver() {}

    /** Serves the provider of the scenarios, or is their consumer. */
    public static void main(String[] arguments) throws Exception {
        String kind = arguments.length == 1 ? arguments[0] : "";
        switch (kind) {
            case "provider" -> new ProbeProvider(System.getenv()).run();
            case "consumer" -> new ProbeConsumer(System.getenv()).run();
            default -> throw new IllegalArgumentException("driver provider|consumer");
        }
    }

    /** Writes a line of JSON. */
    static void say(String json) {
        byte[] line = (json + "\n").getBytes(StandardCharsets.UTF_8);
        synchronized (System.out) {
            System.out.write(line, 0, line.length);
            System.out.flush();
        }
    }
}

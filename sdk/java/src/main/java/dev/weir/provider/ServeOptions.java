package dev.weir.provider;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Where a provider is served, and which Weir it registers with. */
public final class ServeOptions {
    private static final Logger LOG = Logger.getLogger("dev.weir.provider");
    private static final int THREADS = 256;
    private static final Duration DRAIN = Duration.ofSeconds(10);

    final String[] urls;
    final String key;
    final String host;
    final int port;
    final String publicUrl;
    final boolean replace;
    final String token;
    final Duration drain;
    final int threads;
    final boolean drainAtExit;
    final Consumer<ProviderEvent> onEvent;

    private ServeOptions(Builder given) {
        urls = given.url.split(",");
        key = given.key;
        host = given.host;
        port = given.port;
        publicUrl = given.publicUrl;
        replace = given.replace;
        token = given.token;
        drain = given.drain;
        threads = given.threads;
        drainAtExit = given.drainAtExit;
        onEvent = given.onEvent;
    }

    /**
     * Begins with a Weir and a key.
     *
     * @param url where Weir listens, such as {@code http://127.0.0.1:7070}; several addresses are
     *     parted by commas
     * @param key an API key that may register providers
     */
    public static Builder builder(String url, String key) {
        return new Builder(url, key);
    }

    static void logFaults(ProviderEvent event) {
        if (event.kind() != ProviderEvent.Kind.FUNCTION_FAILED) return;
        LOG.log(Level.SEVERE, "provider failed at " + event.text(), event.error().orElse(null));
    }

    /** Says where a provider is served. */
    public static final class Builder {
        private final String url;
        private final String key;
        private String host = "127.0.0.1";
        private int port;
        private String publicUrl;
        private boolean replace;
        private String token;
        private Duration drain = DRAIN;
        private int threads = THREADS;
        private boolean drainAtExit = true;
        private Consumer<ProviderEvent> onEvent = ServeOptions::logFaults;

        private Builder(String url, String key) {
            this.url = url;
            this.key = key;
        }

        /** The address to listen on. Default: {@code 127.0.0.1}. */
        public Builder host(String value) {
            host = value;
            return this;
        }

        /** The port to listen on. Default: 0, any free one. */
        public Builder port(int value) {
            port = value;
            return this;
        }

        /** The address that routers are told. Default: {@code http://<host>:<port>}. */
        public Builder publicUrl(String value) {
            publicUrl = value;
            return this;
        }

        /** Replaces another manifest under the same name and version. Default: it is refused. */
        public Builder replace() {
            replace = true;
            return this;
        }

        /** A bearer token that routers must send; see the provider's bearer. Default: none. */
        public Builder token(String value) {
            token = value;
            return this;
        }

        /** How long calls under way may take to end when it stops. Default: 10 s. */
        public Builder drain(Duration value) {
            drain = value;
            return this;
        }

        /**
         * How many threads run functions that wait; what is beyond waits for one. Default: 256.
         * Functions with futures hold none.
         */
        public Builder threads(int value) {
            threads = value;
            return this;
        }

        /** Whether it drains when the JVM is told to end, by a shutdown hook. Default: yes. */
        public Builder drainAtExit(boolean value) {
            drainAtExit = value;
            return this;
        }

        /**
         * Told of what happens, errors of your functions included. Default: those errors are
         * logged by java.util.logging as {@code dev.weir.provider}, and all else is silent.
         */
        public Builder onEvent(Consumer<ProviderEvent> value) {
            onEvent = value;
            return this;
        }

        /**
         * The options.
         *
         * @throws IllegalArgumentException when one cannot be right
         */
        public ServeOptions build() {
            boolean isEverywhere = host.equals("0.0.0.0") || host.equals("::");
            boolean isHttp = publicUrl == null || isHttp(publicUrl);
            new Faults("serve")
                    .when(
                            publicUrl == null && isEverywhere,
                            "host " + host + " is no address to be called at: give publicUrl too")
                    .when(!isHttp, "publicUrl \"" + publicUrl + "\" is not an http or https URL")
                    .within("port", (long) port, 0, 65_535)
                    .within("threads", (long) threads, 1, 10_000)
                    .notNegative("drain", drain)
                    .end();
            return new ServeOptions(this);
        }

        private static boolean isHttp(String text) {
            try {
                URI url = new URI(text);
                return url.getHost() != null && String.valueOf(url.getScheme()).matches("https?");
            } catch (URISyntaxException error) {
                return false;
            }
        }
    }
}

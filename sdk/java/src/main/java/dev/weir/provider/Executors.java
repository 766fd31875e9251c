package dev.weir.provider;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads of a provider, which hold up no exit.
 *
 * @param workers run the author's functions
 * @param senders encode and send; they never wait, so that there are few of them
 */
record Executors(ExecutorService workers, ExecutorService senders) implements AutoCloseable {
    private static final long IDLE_SECONDS = 30;

    static Executors open(int threads) {
        ThreadPoolExecutor workers =
                new ThreadPoolExecutor(
                        threads,
                        threads,
                        IDLE_SECONDS,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        named("weir-worker-"));
        workers.allowCoreThreadTimeOut(true);
        ThreadPoolExecutor senders =
                new ThreadPoolExecutor(
                        0,
                        Integer.MAX_VALUE,
                        IDLE_SECONDS,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        named("weir-sender-"));
        return new Executors(workers, senders);
    }

    @Override
    public void close() {
        workers.shutdownNow();
        senders.shutdown();
    }

    private static ThreadFactory named(String prefix) {
        AtomicInteger number = new AtomicInteger();
        return task -> {
            Thread thread = new Thread(task, prefix + number.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        };
    }
}

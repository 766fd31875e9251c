package dev.weir;

import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Does things later, on one thread that holds up no exit. They must not wait for anything. */
final class Timers {
    private static final ScheduledThreadPoolExecutor TIMER = open();

    private Timers() {}

    static Future<?> later(Duration wait, Runnable task) {
        return TIMER.schedule(task, wait.toNanos(), TimeUnit.NANOSECONDS);
    }

    private static ScheduledThreadPoolExecutor open() {
        ScheduledThreadPoolExecutor timer =
                new ScheduledThreadPoolExecutor(
                        1,
                        task -> {
                            Thread thread = new Thread(task, "weir-timer");
                            thread.setDaemon(true);
                            return thread;
                        });
        timer.setRemoveOnCancelPolicy(true);
        return timer;
    }
}

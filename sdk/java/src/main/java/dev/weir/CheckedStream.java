package dev.weir;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.concurrent.Future;

/** The body of a link, read piece by piece. Fails at its end when it was another value. */
final class CheckedStream extends FilterInputStream {
    private final LinkCheck check;
    private final Scope scope;
    private final Future<?> timer;

    CheckedStream(InputStream body, ValueLink link, Scope scope) {
        super(body);
        this.check = new LinkCheck(link);
        this.scope = scope;
        // Ends a read that waits when the time is over or the caller's context is.
        scope.onCancel(this::closeBody);
        this.timer = Timers.later(scope.left(), scope::cancel);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        try {
            int count = super.read(into, offset, length);
            if (count < 0) check.end();
            else check.update(ByteBuffer.wrap(into, offset, count));
            return count;
        } catch (WeirException error) {
            throw new IOException(error.getMessage(), error);
        }
    }

    /** What is skipped belongs to the value all the same. */
    @Override
    public long skip(long count) throws IOException {
        byte[] skipped = new byte[(int) Math.min(Math.max(0, count), 64 * 1024)];
        return Math.max(0, read(skipped, 0, skipped.length));
    }

    @Override
    public boolean markSupported() {
        return false;
    }

    @Override
    public void close() {
        timer.cancel(false);
        closeBody();
        scope.close();
    }

    private void closeBody() {
        try {
            in.close();
        } catch (IOException error) {
            // Nobody reads on, so that nobody needs to know.
            return;
        }
    }
}

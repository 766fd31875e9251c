import { createLogger, openTracing, systemClock } from '@weir/kit';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';

// A provider in a process of its own that has OpenTelemetry set up. Arguments: where Weir is, the
// key, and where traces go. Says "ready" when it is registered; ends when its input ends.
const [url = '', key = '', tracesUrl] = process.argv.slice(2);
const log = createLogger({ name: 'traced-provider', level: 'silent' });
const service = 'traced-provider';
const tracing = await openTracing({ service, url: tracesUrl, share: 0, clock: systemClock, log });
const fetch = ({ key: asked }: { key: string }) => ({ value: { said: `secret-value ${asked}` } });
const provider = defineProvider({
  name: 'traced',
  version: '1.0.0',
  contexts: [
    defineContext<{ said: string }>({
      type: 'Traced',
      version: '1.0.0',
      schema: { type: 'object' },
      ttlMs: 60_000,
      fetch,
      list: () => ({ entries: [{ key: 'secret-key' }] }),
    }),
  ],
});
const running = await serveProvider(provider, { url, key });
console.log('ready');
process.stdin.resume().once('end', () => {
  void running.close().then(() => tracing?.[Symbol.asyncDispose]());
});

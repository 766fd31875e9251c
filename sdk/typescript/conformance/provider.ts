import { setTimeout as wait } from 'node:timers/promises';
import { reasonName, type WeirCallError } from '@weir/sdk';
import {
  Code,
  type ContextQuery,
  defineContext,
  defineOperation,
  defineProvider,
  type FetchAnswer,
  ProviderError,
  serveProvider,
  toolContent,
} from '@weir/sdk/provider';
import { codeName } from './names.ts';

// The provider of sdk/conformance/README.md.

const { WEIR_URL: url = '', WEIR_KEY: key = '', WEIR_PROVIDER: name = '' } = process.env;
const entries = Array.from({ length: 120 }, (_, index) => ({
  key: `entry-${String(index).padStart(3, '0')}`,
  title: `Entry ${index}`,
}));

const probe = defineContext<unknown>({
  type: 'Probe',
  version: '1.0.0',
  sensitivity: 'public',
  schema: { type: ['object', 'string'] },
  ttlMs: 0,
  fetch: answer,
  list: async ({ keyPrefix, text, pageSize, pageToken }) => {
    const words = text.toLowerCase();
    const found = entries.filter(
      (entry) => entry.key.startsWith(keyPrefix) && entry.title.toLowerCase().includes(words),
    );
    const from = Number(pageToken);
    const to = from + pageSize;
    const more = to < found.length && { nextPageToken: String(to) };
    return { entries: found.slice(from, to), ...more };
  },
});

const batch = defineContext({
  type: 'Batch',
  version: '1.0.0',
  sensitivity: 'public',
  schema: { type: 'object' },
  ttlMs: 0,
  fetchMany: async (queries) => queries.map(() => ({ value: { batch: queries.length } })),
});

const calls = new Map<string, number>();
const kept = defineContext({
  type: 'Kept',
  version: '1.0.0',
  sensitivity: 'public',
  schema: { type: 'object' },
  ttlMs: 60_000,
  fetch: (query) => {
    const count = (calls.get(query.key) ?? 0) + 1;
    calls.set(query.key, count);
    return { value: { calls: count } };
  },
});

async function answer(query: ContextQuery): Promise<FetchAnswer<unknown>> {
  const [kind, rest = ''] = query.key.split('/');
  if (query.key.startsWith('missing')) return undefined;
  switch (kind) {
    case 'refuse':
      throw new ProviderError(codeOf(rest), 'refused on purpose');
    case 'busy':
      throw new ProviderError(codeOf(rest), 'refused on purpose', { retryDelayMs: 1_234 });
    case 'crash':
      throw new Error('secret words');
    case 'slow':
      await wait(Number(rest), undefined, { signal: query.signal });
      return plain(query.key);
    case 'big':
      return { value: Uint8Array.from({ length: Number(rest) }, (_, index) => index % 251) };
    case 'text':
      return { value: 'plain words' };
    case 'meta':
      return {
        value: { key: 'meta' },
        etag: 'e1',
        asOf: new Date('2026-01-02T03:04:05Z'),
        quality: 0.5,
        source: 'probe.txt:7',
        labels: { color: 'blue' },
        owner: 'ann',
        sensitivity: 'internal',
        contentType: 'application/json',
      };
    default:
      return plain(query.key);
  }
}

function plain(text: string): FetchAnswer<unknown> {
  return { value: { key: text, characters: [...text].length } };
}

function codeOf(text: string): Code {
  const code = Object.values(Code).find(
    (each) => typeof each === 'number' && codeName(each) === text,
  );
  if (typeof code === 'number') return code;
  throw new Error(`${text} is no code`);
}

const operations = [
  defineOperation<{ a: number; b: number }>({
    name: 'add',
    readOnly: true,
    input: {
      type: 'object',
      properties: { a: { type: 'number' }, b: { type: 'number' } },
      required: ['a', 'b'],
    },
    call: ({ arguments: { a, b } }) => ({ sum: a + b }),
  }),
  defineOperation<{ to: number }>({
    name: 'count',
    call: ({ arguments: { to }, progress }) => {
      for (let at = 1; at <= to; at++) progress(at, { total: to });
      return { counted: to };
    },
  }),
  defineOperation({
    name: 'fail',
    call: () =>
      toolContent({ content: [], structuredContent: { why: 'on purpose' }, isError: true }),
  }),
  defineOperation({
    name: 'refuse',
    call: () => {
      throw new ProviderError(Code.FailedPrecondition, 'refused on purpose');
    },
  }),
  defineOperation({
    name: 'crash',
    call: () => {
      throw new Error('secret words');
    },
  }),
  defineOperation<{ ms: number }>({
    name: 'wait',
    call: async ({ arguments: { ms }, signal }) => {
      await wait(ms, undefined, { signal });
      return { waited: ms };
    },
  }),
];

const provider = defineProvider({
  name,
  version: '1.0.0',
  contexts: [probe, batch, kept],
  operations,
});

const stopping = new AbortController();
const stop = (): void => stopping.abort();
process.once('SIGTERM', stop);
process.stdin.resume().once('end', stop);

const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
try {
  const running = await serveProvider(provider, { url, key, signal: stopping.signal });
  say({ event: 'registered' });
  await running.closed;
} catch (error) {
  if (!stopping.signal.aborted) {
    const { code, reason } = error as WeirCallError;
    const named = reason ? { reason: reasonName(reason) } : {};
    console.error(error);
    say({ event: 'refused', code: codeName(code), ...named });
    process.exitCode = 1;
  }
}
process.stdin.destroy();

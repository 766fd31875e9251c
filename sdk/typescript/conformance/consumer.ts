import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import {
  createWeir,
  type DeliveredEvent,
  formatRef,
  type ItemOutcome,
  ItemRefused,
  Reason,
  type Refusal,
  reasonName,
  type ToolOutcome,
  WeirCallError,
} from '@weir/sdk';
import { codeName } from './names.ts';

// The consumer of sdk/conformance/README.md: does what each line says.

interface Command {
  readonly id: number;
  readonly do: string;
  readonly refs?: string[];
  readonly timeoutMs?: number;
  readonly itemTimeoutMs?: number;
  readonly minQuality?: number;
  readonly type?: string;
  readonly key?: string;
  readonly keyPrefix?: string;
  readonly query?: string;
  readonly pageSize?: number;
  readonly provider?: string;
  readonly tool?: string;
  readonly arguments?: Record<string, never>;
  readonly progress?: boolean;
  readonly topic?: string;
  readonly topics?: string[];
  readonly data?: unknown;
  readonly from?: string;
  readonly count?: number;
  readonly fetch?: boolean;
  readonly of?: number;
}

const { WEIR_URL = '', WEIR_KEY = '' } = process.env;
const weir = createWeir({ url: WEIR_URL.split(','), key: WEIR_KEY });
const underWay = new Map<number, AbortController>();

const doers: Readonly<Record<string, (command: Command, signal: AbortSignal) => Promise<unknown>>> =
  {
    fetch: async ({ refs = [], ...options }, signal) =>
      (await weir.fetch(refs, { ...timesOf(options), signal })).map(outcomeOf),
    async stream({ refs = [], ...options }, signal) {
      const outcomes = [];
      for await (const outcome of weir.stream(refs, { ...timesOf(options), signal })) {
        outcomes.push(outcomeOf(outcome));
      }
      return outcomes;
    },
    async get({ type = '', key = '', timeoutMs }, signal) {
      const item = await weir.get(type, key, { timeoutMs, signal });
      return outcomeOf({ ok: true, item, ref: { type, key }, index: 0, cache: 'none', ageMs: 0 });
    },
    async list({ type, keyPrefix, query, pageSize, provider, timeoutMs }, signal) {
      const listed = [];
      const options = { type, keyPrefix, query, pageSize, provider, timeoutMs, signal };
      for await (const { ref, title } of weir.list(options)) {
        listed.push({ ref: `${ref?.type}/${ref?.key}`, title });
      }
      return listed;
    },
    async call({ tool = '', arguments: given, progress: wanted, timeoutMs }, signal) {
      const progress: number[] = [];
      const listen = wanted && {
        onProgress: (told: { progress: number }) => void progress.push(told.progress),
      };
      const result = await weir.call(tool, given, { timeoutMs, signal, ...listen });
      return { value: valueOfTool(result), isError: result.isError, progress };
    },
    async publish({ topic = '', key, data, refs, timeoutMs }, signal) {
      const { ids } = await weir.publish(topic, { key, data, refs }, { timeoutMs, signal });
      return { ids: ids.length };
    },
    async subscribe({ topics = [], from, count = 1, fetch }, signal) {
      const events = [];
      const start = from === 'earliest' ? { from: 'earliest' as const } : { cursor: from };
      for await (const event of weir.subscribe(topics, { ...start, fetch, signal })) {
        events.push(eventOf(event));
        if (events.length >= count) break;
      }
      return events;
    },
    async cancel({ of = 0 }) {
      underWay.get(of)?.abort();
      return {};
    },
  };

function timesOf({ timeoutMs, itemTimeoutMs, minQuality }: Partial<Command>) {
  return { timeoutMs, itemTimeoutMs, minQuality };
}

function outcomeOf(outcome: ItemOutcome): object {
  const ref = formatRef({ type: outcome.ref.type, key: outcome.ref.key });
  if (!outcome.ok) return { ref, ok: false, ...refusalOf(outcome.refusal) };
  const { item } = outcome;
  const { contentType, sensitivity, quality, labels, owner, provenance, asOf } = item;
  const { provider, source } = provenance;
  const cache = outcome.cache.toUpperCase().replaceAll('-', '_');
  const value = plainValue(item.value);
  const meta = { sensitivity, quality, source, labels, owner, asOf: asOf.toISOString(), cache };
  return { ref, ok: true, value, contentType, provider, ...meta };
}

function refusalOf({ code, reason, text, retryDelayMs }: Refusal): object {
  return { code: codeName(code), reason: reasonName(reason), text, retryDelayMs };
}

function plainValue(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  return { bytes: value.length, sha256: createHash('sha256').update(value).digest('hex') };
}

function valueOfTool({ value, contentType }: ToolOutcome): unknown {
  const isPieces = contentType === 'application/vnd.weir.tool-result+json';
  return isPieces
    ? (value as { structuredContent?: unknown }).structuredContent
    : plainValue(value);
}

function eventOf({ topic, key, cursor, items, ...event }: DeliveredEvent): object {
  return { topic, key, data: event.json(), cursor, items: items.map(outcomeOf) };
}

function errorOf(error: unknown): object {
  if (error instanceof ItemRefused) return refusalOf(error.refusal);
  if (!(error instanceof WeirCallError)) return { code: 'INVALID_ARGUMENT', text: String(error) };
  const { code, reason, text, retryDelayMs } = error;
  const named = reason === Reason.UNSPECIFIED ? {} : { reason: reasonName(reason) };
  return { code: codeName(code), ...named, text, retryDelayMs };
}

async function run(command: Command): Promise<void> {
  const { id } = command;
  const controller = new AbortController();
  underWay.set(id, controller);
  const doer = doers[command.do];
  const answer = await (doer ? doer(command, controller.signal) : unknown(command)).then(
    (result: unknown) => ({ id, result }),
    (error: unknown) => ({ id, error: errorOf(error) }),
  );
  underWay.delete(id);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function unknown(command: Command): Promise<never> {
  throw new TypeError(`there is nothing called ${command.do}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  void run(JSON.parse(line) as Command);
}
weir.close();

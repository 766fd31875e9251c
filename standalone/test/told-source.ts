import { once } from 'node:events';
import type { NewEvent, ProviderDefinition, WatchQuery } from '@weir/sdk/provider';
import { Code, defineContext, defineProvider, ProviderError } from '@weir/sdk/provider';

/** A source that keeps what happened to it, and a provider that tells it. */
export interface ToldSource {
  /** Something happens. */
  happens(...events: NewEvent[]): void;
  /** What happened up to now is not kept any more. */
  forget(): void;
  /** With which cursors it was asked to tell. */
  readonly asked: readonly string[];
  /** How many listen. */
  readonly listeners: number;
  /** Of how many events each message has at most; 1 unless it is set. */
  together: number;
  provider(more?: Partial<ProviderDefinition>): ProviderDefinition;
}

/** Opens a source whose cursors count its events. */
export function openToldSource(): ToldSource {
  const happened: NewEvent[] = [];
  const more = new EventTarget();
  const asked: string[] = [];
  let first = 0;
  let listeners = 0;
  const source: ToldSource = {
    happens(...events) {
      happened.push(...events);
      more.dispatchEvent(new Event('more'));
    },
    forget() {
      first = happened.length;
    },
    asked,
    get listeners() {
      return listeners;
    },
    together: 1,
    provider: (given = {}) =>
      defineProvider({
        ...{ name: 'pages', version: '1.0.0', contexts: [page()], watch },
        ...given,
      }),
  };
  const state: Record<string, number> = {};
  const page = () =>
    defineContext<{ saved: number }>({
      ...{ type: 'Page', version: '1.0.0', ttlMs: 600_000 },
      schema: { type: 'object', properties: { saved: { type: 'number' } } },
      fetch: ({ key }) => {
        state[key] = happened.filter((event) => event.key === key).length;
        return { value: { saved: state[key] } };
      },
    });
  async function* watch({ cursor, signal }: WatchQuery) {
    asked.push(cursor);
    let at = cursor === '' ? first : Number(cursor);
    if (at < first) throw new ProviderError(Code.OutOfRange, 'it is not kept any more');
    listeners += 1;
    try {
      while (!signal.aborted) {
        const events = happened.slice(at, at + source.together);
        at += events.length;
        if (events.length > 0) yield { events, cursor: String(at) };
        else await once(more, 'more', { signal });
      }
    } finally {
      listeners -= 1;
    }
  }
  return source;
}

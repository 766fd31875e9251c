import { setTimeout as pause } from 'node:timers/promises';
import type { McpSubscription } from '@modelcontextprotocol/client';
import { listen, type Session } from './session.ts';

/** Hears which resources change at an upstream, of those that were read lately. */
export interface Hearing {
  /** A resource was read. */
  touch(uri: string): void;
  /** Hears through another session; gives what was heard of before, which may have changed since. */
  begin(session: Session, signal: AbortSignal): readonly string[];
  has(uri: string): boolean;
}

/** How many resources are heard of. */
const heardMax = 500;
const gatherMs = 50;
const againFirstMs = 1_000;
const againMaxMs = 60_000;

/** Creates what hears, with nothing to hear of. */
export function createHearing(): Hearing {
  /** In the order in which they were read. */
  const uris = new Set<string>();
  let changed = (_uri: string, _isIn: boolean) => {};

  return {
    has: (uri) => uris.has(uri),
    touch(uri) {
      const isKnown = uris.delete(uri);
      uris.add(uri);
      if (!isKnown) changed(uri, true);
      const [oldest] = uris;
      if (uris.size <= heardMax || oldest === undefined) return;
      uris.delete(oldest);
      changed(oldest, false);
    },
    begin(session, signal) {
      const before = [...uris];
      const canSubscribe = session.capabilities.resources?.subscribe === true;
      if (session.era === 'legacy') {
        changed = canSubscribe ? byRequest(session) : () => {};
        for (const uri of before) changed(uri, true);
        return canSubscribe ? before : [];
      }
      const wanted = () => (canSubscribe ? [...uris] : []);
      const again = byStream(session, { wanted, signal });
      changed = canSubscribe ? again : () => {};
      again();
      return wanted();
    },
  };
}

/** Servers of the old era are asked for each; they may refuse, and then nothing is heard. */
function byRequest({ client }: Session) {
  return (uri: string, isIn: boolean) => {
    const asked = isIn ? client.subscribeResource({ uri }) : client.unsubscribeResource({ uri });
    asked.catch(() => {});
  };
}

/** Servers of the new era are told of all in one stream, which another takes the place of. */
function byStream(
  session: Session,
  { wanted, signal }: { wanted: () => readonly string[]; signal: AbortSignal },
): () => void {
  let current: McpSubscription | undefined;
  let isWaiting = false;
  let failures = 0;

  async function open(afterMs: number): Promise<void> {
    if (isWaiting || signal.aborted || !isWorthIt(session, wanted())) return;
    isWaiting = true;
    await pause(afterMs, undefined, { signal, ref: false }).catch(() => {});
    isWaiting = false;
    if (signal.aborted || session.isClosed()) return;
    try {
      const next = await listen(session, wanted());
      failures = 0;
      const before = current;
      current = next;
      // Only then: nothing is missed between the two.
      await before?.close();
      void next.closed.then((how) => {
        if (how !== 'local' && current === next) void open(againFirstMs);
      });
    } catch {
      failures += 1;
      await open(Math.min(againMaxMs, againFirstMs * 2 ** failures));
    }
  }

  return () => void open(gatherMs);
}

function isWorthIt({ capabilities }: Session, uris: readonly string[]): boolean {
  const { tools, prompts, resources } = capabilities;
  return (
    uris.length > 0 ||
    [tools, prompts, resources].some((capability) => capability?.listChanged === true)
  );
}

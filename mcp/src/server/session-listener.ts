import type { JsonObject } from '@bufbuild/protobuf';
import type { Visit } from '@weir/kit';
import type { McpBackend } from './backend.ts';
import { openWatch } from './changes.ts';
import type { EventStream } from './event-stream.ts';
import { notification } from './json-rpc.ts';
import { readListeningPlace, writeListeningPlace } from './listening-place.ts';
import { RESUMABLE_SINCE, type Session } from './sessions.ts';
import type { Post } from './shared/post.ts';

/** How often a client is told at least how far it has heard, where there is nothing else to tell. */
const PLACE_EVERY_MS = 15_000;

/** Who listens, by session: each by one stream. */
export type SessionListeners = Map<Session, { readonly end: () => void }>;

/** What listening needs. */
export interface SessionListeningDeps {
  readonly backend: McpBackend;
  readonly listeners: SessionListeners;
  readonly post: Post;
  /** The name of this router. */
  readonly own: string;
}

/** Of a client that begins to listen, or goes on. */
export interface ListeningClient {
  readonly session: Session;
  readonly visit: Visit;
  readonly stream: EventStream;
  /** The id of the last event that it heard; left out: it begins. */
  readonly last?: string | undefined;
}

/** Has a session listen by a stream. There is one such stream: the newest, at whichever router. */
export function listenInSession(deps: SessionListeningDeps, client: ListeningClient): void {
  const { backend, listeners, own } = deps;
  const { session, visit, stream, last } = client;
  listeners.get(session)?.end();
  const from = last === undefined ? undefined : readListeningPlace(last);
  if (from && from.router !== own) takeOver(deps, client);
  const over = new AbortController();
  const { signal } = over;
  const ends = [visit.signal, session.ended];
  const idNow = () => writeListeningPlace({ router: own, place: watch.place });
  let toldMs = Number.NEGATIVE_INFINITY;
  let lastCursor = '';
  const told = () => {
    toldMs = performance.now();
    lastCursor = watch.place.cursor;
  };
  const tell = (method: string, params: JsonObject) => {
    // A client that reads too slowly goes on from where it is.
    if (stream.isFull) return end();
    stream.send(notification(method, params), idNow());
    told();
  };
  /** Where there is nothing to tell, a client is told now and then how far it came. */
  const moved = () => {
    const { cursor } = watch.place;
    const isFirst = lastCursor === '';
    if (session.revision < RESUMABLE_SINCE || cursor === lastCursor) return;
    if (!isFirst && performance.now() < toldMs + PLACE_EVERY_MS) return;
    stream.prime(idNow());
    told();
  };
  const end = () => {
    if (signal.aborted) return;
    over.abort();
    for (const one of ends) one.removeEventListener('abort', end);
    watch[Symbol.dispose]();
    if (listeners.get(session) === listening) listeners.delete(session);
    session.onUris = () => {};
    stream.end();
  };
  const listening = { end };
  const watch = openWatch(
    { backend, visit, group: session.group, signal, tell, end, moved },
    {
      lists: new Set(['tools', 'prompts', 'resources']),
      get uris() {
        return session.uris;
      },
    },
    from?.place,
  );
  listeners.set(session, listening);
  session.onUris = watch.urisChanged;
  stream.prime(idNow());
  told();
  for (const one of ends) {
    if (one.aborted) end();
    else one.addEventListener('abort', end, { once: true });
  }
}

/** Another router may not have noticed that its client is gone. */
function takeOver({ post, own }: SessionListeningDeps, { session, visit }: ListeningClient): void {
  const letter = { about: 'listen', says: { session: session.id, router: own } } as const;
  post.tell(letter, visit.signal).catch(() => undefined);
}

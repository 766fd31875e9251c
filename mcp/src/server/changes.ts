import { create, type JsonObject } from '@bufbuild/protobuf';
import { type Caller, reasonOf, type Visit } from '@weir/kit';
import type { ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  EventService,
  Start,
  SubscribeRequestSchema,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { ListName, McpBackend } from './backend.ts';
import { createCatchingUp, type Late } from './catch-up.ts';
import { shortMark } from './listening-place.ts';
import { isSameItem, itemOfUri } from './resource-uri.ts';

/** Several changes in a row are told as one. */
const SETTLE_MS = 100;
/** How long it takes until a subscription that broke is tried again, from try to try. */
const RETRY_MS: readonly number[] = [250, 1_000, 5_000, 15_000];
/** Resources that one client asks after. */
export const WATCHED_URIS_MAX = 1_000;

/** What a client wants to hear of. */
export interface Wanted {
  readonly lists: ReadonlySet<ListName>;
  /** Resources, by their URIs; may change while it is watched. */
  readonly uris: ReadonlySet<string>;
}

/** How far a client has heard of what it wants to. */
export interface WatchPlace {
  /** What its lists were made of. */
  readonly marks: ReadonlyMap<ListName, string>;
  /** Where the log of events is gone on with. Empty: it was not read. */
  readonly cursor: string;
  /** What comes after the cursor up to this position was told. */
  readonly upTo: bigint;
}

/** What watching needs. */
export interface WatchDeps {
  readonly backend: McpBackend;
  readonly visit: Pick<Visit, 'caller' | 'stream'>;
  readonly group: string;
  readonly signal: AbortSignal;
  tell(method: string, params: JsonObject): void;
  /** The client may not hear any more, or the server ends. */
  end(): void;
  /** It came further without anything to tell. Left out: nobody goes on from its places. */
  readonly moved?: () => void;
}

/** What watches over what a client wants to hear of. */
export interface Watch extends Disposable {
  /** To be told when the URIs are others; of a new one, since which cursor. */
  urisChanged(added?: { readonly uri: string; readonly since: string }): void;
  /** How far it has told. */
  readonly place: WatchPlace;
}

/** Watches, for as long as the client listens, from a place on, or from now on. */
export function openWatch(deps: WatchDeps, wanted: Wanted, from?: WatchPlace): Watch {
  const { backend, visit, signal, end } = deps;
  const lists = watchLists(deps, wanted.lists, from?.marks);
  const listening = backend.onChange(() => {
    if (isStillIn(backend, visit.caller)) lists.changed();
    else end();
  });
  if (from) lists.changed();
  const over = new AbortController();
  const until = { ...deps, signal: AbortSignal.any([signal, over.signal]) };
  const at: FollowPlace = { cursor: from?.cursor ?? '', upTo: from?.upTo ?? 0n };
  const catchUp = createCatchingUp((late) => tellLate(until, late));
  let following = false;
  const urisChanged: Watch['urisChanged'] = (added) => {
    if (following && added) catchUp(added.uri, added.since, at.upTo);
    if (following || wanted.uris.size === 0) return;
    following = true;
    if (at.cursor === '' && added) at.cursor = added.since;
    void follow(until, wanted, at).finally(() => {
      following = false;
    });
  };
  const expiresMs = (visit.caller.expireMs ?? Number.POSITIVE_INFINITY) - Date.now();
  const expiring = expiresMs < TIMER_MAX_MS ? setTimeout(end, Math.max(0, expiresMs)) : undefined;
  urisChanged();
  return {
    urisChanged,
    get place() {
      return { marks: lists.marks, ...at };
    },
    [Symbol.dispose]() {
      clearTimeout(expiring);
      listening[Symbol.dispose]();
      lists[Symbol.dispose]();
      over.abort();
    },
  };
}

const TIMER_MAX_MS = 2 ** 31 - 1;

function isStillIn(backend: McpBackend, caller: Caller): boolean {
  try {
    backend.requireStillValid(caller);
    return true;
  } catch {
    return false;
  }
}

/** Tells of lists that are others for this caller than they were. */
function watchLists(
  { backend, visit, group, tell }: WatchDeps,
  lists: ReadonlySet<ListName>,
  before: WatchPlace['marks'] = new Map(),
) {
  const markOf = (list: ListName) => shortMark(backend.mark(visit.caller, list, group));
  const marks = new Map([...lists].map((list) => [list, before.get(list) ?? markOf(list)]));
  let settling: NodeJS.Timeout | undefined;
  const look = () => {
    settling = undefined;
    for (const [list, mark] of marks) {
      const now = markOf(list);
      if (now === mark) continue;
      marks.set(list, now);
      tell(`notifications/${list}/list_changed`, {});
    }
  };
  return {
    marks,
    changed() {
      if (marks.size > 0) settling ??= setTimeout(look, SETTLE_MS);
    },
    [Symbol.dispose]: () => clearTimeout(settling),
  };
}

interface FollowPlace {
  cursor: string;
  upTo: bigint;
}

/** Tells of events that name a resource asked after, for as long as there is one. */
async function follow(deps: WatchDeps, wanted: Wanted, at: FollowPlace): Promise<void> {
  for (let tries = 0; wanted.uris.size > 0 && !deps.signal.aborted; tries++) {
    try {
      for await (const { events, cursor } of subscribed(deps, at.cursor)) {
        tries = 0;
        let told = 0;
        for (const { event, position } of events) {
          if (position <= at.upTo) continue;
          const passed = () => {
            at.upTo = position;
          };
          told += tellOf(deps, { uris: wanted.uris, refs: event?.refs ?? [] }, passed);
          passed();
        }
        if (cursor !== '') at.cursor = cursor;
        if (told === 0) deps.moved?.();
        if (wanted.uris.size === 0) return;
      }
    } catch (error) {
      // What it was is in the log of calls; it is tried again, from where it was.
      if (at.cursor !== '' && isGone(error)) tellAll(deps, wanted.uris, at);
    }
    await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] ?? 0, deps.signal);
  }
}

const ofCursors: ReadonlySet<Reason> = new Set([
  ...[Reason.CURSOR_TOO_OLD, Reason.INVALID_CURSOR, Reason.DENIED],
]);

/** What came after the place is not known any more, so that anything may have happened. */
function tellAll({ tell }: WatchDeps, uris: ReadonlySet<string>, at: FollowPlace): void {
  at.cursor = '';
  at.upTo = 0n;
  for (const uri of uris) tell('notifications/resources/updated', { uri });
}

function isGone(error: unknown): boolean {
  const reason = reasonOf(error);
  return reason !== undefined && ofCursors.has(reason);
}

/** How long it is read what happened before it was heard that somebody asks after it. */
const LATE_MAX_MS = 2_000;

/** Tells what happened to resources before it was heard here that they are asked after. */
async function tellLate(deps: WatchDeps, { since, uris }: Late): Promise<void> {
  const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(LATE_MAX_MS)]);
  for await (const { events } of subscribed({ ...deps, signal }, since)) {
    for (const { event, position } of events) {
      const early = [...uris].filter(([, upTo]) => position <= upTo).map(([uri]) => uri);
      if (early.length === 0) return;
      tellOf(deps, { uris: early, refs: event?.refs ?? [] });
    }
  }
}

function subscribed({ backend, visit, signal }: WatchDeps, cursor: string) {
  const request = create(SubscribeRequestSchema, {
    topics: ['*'],
    ...(cursor === '' ? { start: Start.LATEST } : { cursor }),
  });
  return visit.stream({ method: EventService.method.subscribe, signal }, (context) =>
    backend.subscribe(request, context),
  );
}

/** Tells of an event. Says of how many resources; `beforeLast` is called before it is told of the last. */
function tellOf(
  { tell }: Pick<WatchDeps, 'tell'>,
  { uris, refs }: { readonly uris: Iterable<string>; readonly refs: readonly ContextRef[] },
  beforeLast: () => void = () => {},
): number {
  const happened = [...uris].filter((uri) => {
    const asked = itemOfUri(uri);
    return refs.some((ref) => isSameItem(asked, ref));
  });
  for (const [index, uri] of happened.entries()) {
    if (index === happened.length - 1) beforeLast();
    tell('notifications/resources/updated', { uri });
  }
  return happened.length;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

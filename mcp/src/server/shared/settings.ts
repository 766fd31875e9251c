import { hash } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { type Clock, MCP_SESSIONS_LOG } from '@weir/kit';
import { Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { isObject } from '../json-rpc.ts';
import { followLog } from './follow-log.ts';
import type { SharedLogs } from './logs.ts';

/** What is kept in memory of what was set in all sessions, in bytes. */
const KEPT_MAX_BYTES = 32 * 1024 * 1024;
/** What a session takes beside its URIs, and a URI beside its text. */
const SESSION_BYTES = 200;
const URI_BYTES = 100;
/** How long a new router waits for what was set before. */
const KNOWN_MAX_MS = 2_000;

/** What a client has set in its session. */
export interface SessionSettings {
  /** Messages of tools of this severity and above are told. */
  readonly minSeverity: Severity;
  /** The resources that the client asks after. */
  readonly uris: ReadonlySet<string>;
  /** The client has ended it. */
  readonly isOver: boolean;
}

/** What changes of it at once. */
export type SettingsChange =
  | { readonly level: Severity }
  /** A resource is asked after; what happened to it since that cursor is news. */
  | { readonly on: string; readonly since: string }
  | { readonly off: string }
  | { readonly over: true };

/** What was set in the sessions of all routers. */
export interface SharedSettings extends AsyncDisposable {
  /** Resolves when it is known what was set before, or that takes too long; undefined: it is known. */
  readonly becomesKnown: Promise<void> | undefined;
  /** What is set in a session, by its key. */
  of(key: string): SessionSettings;
  /** Resolves when all routers will know of the change, and this one does. */
  change(key: string, change: SettingsChange, signal: AbortSignal): Promise<void>;
  /** Who is told of each change that is one, by the key of the session. */
  onChange(listener: (key: string, change: SettingsChange) => void): void;
}

/** The key of a session among what was set: no more of its id is needed. */
export function keyOfSession(id: string): string {
  return hash('sha256', id, 'base64url').slice(0, 24);
}

const fresh: SessionSettings = { minSeverity: Severity.INFO, uris: new Set(), isOver: false };

interface Kept {
  minSeverity: Severity;
  readonly uris: Set<string>;
  isOver: boolean;
  changedMs: number;
  bytes: number;
}

/** Opens what was set; `lifetimeMs` is how long a session lasts. */
export function openSettings(
  logs: SharedLogs,
  clock: Pick<Clock, 'wallMs'>,
  lifetimeMs: number,
): SharedSettings {
  const stop = new AbortController();
  /** The longest unchanged first. */
  const all = new Map<string, Kept>();
  let bytes = 0;
  let listener: (key: string, change: SettingsChange) => void = () => {};
  const drop = (key: string, kept: Kept) => {
    all.delete(key);
    bytes -= kept.bytes;
  };
  const makeRoom = () => {
    for (const [key, kept] of all) {
      const isOld = kept.changedMs + lifetimeMs <= clock.wallMs();
      if (!isOld && bytes <= KEPT_MAX_BYTES) return;
      drop(key, kept);
    }
  };
  const apply = (key: string, change: SettingsChange, changedMs: number) => {
    const before = all.get(key);
    if (!before && changedMs + lifetimeMs <= clock.wallMs()) return;
    const kept = before ?? {
      ...{ minSeverity: Severity.INFO, uris: new Set<string>(), isOver: false },
      ...{ changedMs, bytes: 0 },
    };
    if (before) drop(key, before);
    const isChanged = changeIn(kept, change);
    kept.changedMs = Math.max(kept.changedMs, changedMs);
    kept.bytes = bytesOf(kept);
    bytes += kept.bytes;
    all.set(key, kept);
    makeRoom();
    if (isChanged) listener(key, change);
  };
  const known = Promise.withResolvers<void>();
  let isKnown = false;
  const becomeKnown = () => {
    isKnown = true;
    clearTimeout(late);
    known.resolve();
  };
  const late = setTimeout(becomeKnown, KNOWN_MAX_MS).unref();
  const following = followLog(
    {
      ...{ logs, log: MCP_SESSIONS_LOG, from: 'all', signal: stop.signal },
      take(entry) {
        const { key, change, at } = entry;
        if (typeof key !== 'string' || typeof at !== 'number' || !isObject(change)) return;
        apply(key, change as unknown as SettingsChange, at);
      },
    },
    becomeKnown,
  );
  return {
    get becomesKnown() {
      return isKnown ? undefined : known.promise;
    },
    of: (key) => all.get(key) ?? fresh,
    async change(key, change, signal) {
      const entry = { key, change: { ...change }, at: clock.wallMs() };
      await logs.append(MCP_SESSIONS_LOG, [entry satisfies JsonObject], signal);
      apply(key, change, entry.at);
    },
    onChange(given) {
      listener = given;
    },
    async [Symbol.asyncDispose]() {
      becomeKnown();
      stop.abort();
      await following;
    },
  };
}

/** Says whether it is another now. */
function changeIn(kept: Kept, change: SettingsChange): boolean {
  if ('over' in change) {
    if (kept.isOver) return false;
    kept.isOver = true;
    kept.uris.clear();
    return true;
  }
  if (kept.isOver) return false;
  if ('off' in change) return kept.uris.delete(change.off);
  if ('on' in change) return kept.uris.size < kept.uris.add(change.on).size;
  const isOther = kept.minSeverity !== change.level;
  kept.minSeverity = change.level;
  return isOther;
}

function bytesOf({ uris }: Kept): number {
  let bytes = SESSION_BYTES;
  for (const uri of uris) bytes += URI_BYTES + uri.length;
  return bytes;
}

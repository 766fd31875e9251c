import { type Caller, type Clock, createLastingController, TransientMap } from '@weir/kit';
import type { Severity } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { errorCodes, McpError, type RequestId } from './json-rpc.ts';
import { MessageLog } from './message-log.ts';
import type { PendingQuestions } from './pending-questions.ts';
import { createPendingQuestions } from './pending-questions.ts';
import type { SessionFacts, SessionIds } from './session-ids.ts';
import { nameStream } from './shared/call-streams.ts';
import { keyOfSession, type SettingsChange } from './shared/settings.ts';
import type { Shared } from './shared/shared.ts';

/** Streams of one session that are kept, for clients that were cut off. */
const LOGS_MAX = 16;
/** Clients of older revisions take the first event, which has an id and no message, for a fault. */
export const RESUMABLE_SINCE = '2025-11-25';
/** How often a client may change what it has set, at one router. */
const CHANGES_MAX = 10_000;

/** One client, from its greeting to its end, as this router knows it. */
export interface Session extends SessionFacts {
  readonly id: string;
  /** Whose it is: nobody else can use it. */
  readonly caller: Caller;
  /** Messages of tools of this severity and above are told. */
  readonly minSeverity: Severity;
  /** The resources that the client asks after. */
  readonly uris: ReadonlySet<string>;
  /** Called when they are others; of a new one, since which cursor. */
  onUris: (added?: { readonly uri: string; readonly since: string }) => void;
  /** Requests under way, to be cancelled. */
  readonly underWay: TransientMap<RequestId, AbortController>;
  readonly questions: PendingQuestions;
  /** Its streams, the oldest first. */
  readonly logs: Map<string, MessageLog>;
  /** Aborted when it ends. */
  readonly ended: AbortSignal;
  /** Opens the stream that answers a request, whose messages are kept. Undefined: they cannot be. */
  openLog(requestId: RequestId): MessageLog | undefined;
  /** Changes what is set in it, for all routers. Throws when that cannot be kept. */
  change(change: SettingsChange, signal: AbortSignal): Promise<void>;
}

/** How many sessions there may be, and for how long. */
export interface SessionLimits {
  readonly max: number;
  readonly lifetimeMs: number;
}

/** The sessions that this router knows of. */
export interface Sessions extends Disposable {
  readonly size: number;
  begin(caller: Caller, facts: Omit<SessionFacts, 'beganMs'>): Session;
  /** The session of an id, also one that began at another router. Throws McpError 404. */
  find(id: string, caller: Caller, group: string): Promise<Session>;
  /** The session of an id, if it is in memory. */
  peek(id: string): Session | undefined;
  /** Ends what this router does for a session that only it has. */
  forget(session: Session): void;
}

/** What sessions need. */
export interface SessionsDeps {
  readonly ids: SessionIds;
  readonly shared: Shared;
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** Opens the sessions of a router. */
export function createSessions(
  { ids, shared, clock }: SessionsDeps,
  { max, lifetimeMs }: SessionLimits,
): Sessions {
  const { settings } = shared;
  /** The longest unused first. */
  const open = new Map<string, OpenSession>();
  const byKey = new Map<string, OpenSession>();
  const drop = (session: OpenSession) => {
    open.delete(session.id);
    byKey.delete(session.key);
    session.over.abort(new Error('the session is over'));
  };
  const isOld = ({ beganMs }: SessionFacts) => beganMs + lifetimeMs <= clock.wallMs();
  const dropOld = () => {
    for (const session of open.values()) {
      if (isOld(session)) drop(session);
    }
  };
  const makeRoom = () => {
    if (open.size < max) return;
    dropOld();
    if (open.size < max) return;
    // Its id says what it was, and what was set in it is kept: its client goes on with it.
    const idle = [...open.values()].find(isIdle);
    if (!idle) throw tooMany(max);
    drop(idle);
  };
  const keep = (id: string, caller: Caller, facts: SessionFacts) => {
    makeRoom();
    const session = openSession(shared, { id, caller, facts });
    open.set(id, session);
    byKey.set(session.key, session);
    return session;
  };
  settings.onChange((key, change) => {
    const session = byKey.get(key);
    if (!session) return;
    if ('over' in change) drop(session);
    else if ('on' in change) session.onUris({ uri: change.on, since: change.since });
    else if ('off' in change) session.onUris();
  });
  const looking = setInterval(dropOld, LOOK_MS).unref();
  return {
    get size() {
      return open.size;
    },
    begin(caller, facts) {
      const whole: SessionFacts = { ...facts, beganMs: clock.wallMs() };
      return keep(ids.write(caller, whole), caller, whole);
    },
    async find(id, caller, group) {
      const facts = ids.read(id, caller);
      if (!facts || isOld(facts) || facts.group !== group) throw notFound();
      if (settings.becomesKnown) await settings.becomesKnown;
      const known = open.get(id);
      if (settings.of(known?.key ?? keyOfSession(id)).isOver) throw notFound();
      if (!known) return keep(id, caller, facts);
      open.delete(id);
      open.set(id, known);
      return known;
    },
    peek: (id) => open.get(id),
    forget(session) {
      const known = open.get(session.id);
      if (known) drop(known);
    },
    [Symbol.dispose]() {
      clearInterval(looking);
      for (const session of open.values()) drop(session);
    },
  };
}

const LOOK_MS = 30_000;

interface OpenSession extends Session {
  /** Its key among what was set. */
  readonly key: string;
  readonly over: AbortController;
}

function openSession(
  { settings, ids, spills }: Shared,
  of: { readonly id: string; readonly caller: Caller; readonly facts: SessionFacts },
): OpenSession {
  const { id, caller, facts } = of;
  const key = keyOfSession(id);
  const over = createLastingController();
  const logs = new Map<string, MessageLog>();
  let changes = 0;
  return {
    ...{ ...facts, id, key, caller, logs, over, ended: over.signal },
    get minSeverity() {
      return settings.of(key).minSeverity;
    },
    get uris() {
      return settings.of(key).uris;
    },
    onUris: () => {},
    underWay: new TransientMap(),
    questions: createPendingQuestions(over.signal, () => ids.write('question', id)),
    openLog(requestId) {
      const name = nameStream(ids, id, requestId);
      if (name === undefined) return undefined;
      for (const log of logs.values()) {
        if (logs.size < LOGS_MAX) break;
        if (log.isOver && !log.isRead) logs.delete(log.id);
      }
      const log = new MessageLog(name, (cut) => void spills.share(cut));
      logs.set(log.id, log);
      return log;
    },
    async change(change, signal) {
      if (changes++ >= CHANGES_MAX) throw tooManyChanges();
      await settings.change(key, change, signal);
    },
  };
}

/** Nothing is under way, and nobody listens. */
function isIdle({ underWay, logs }: Session): boolean {
  return underWay.size === 0 && [...logs.values()].every(({ isRead }) => !isRead);
}

function notFound(): McpError {
  const text = 'there is no such session, or it is over; begin anew with initialize';
  return new McpError(errorCodes.sessionNotFound, text, { status: 404 });
}

function tooMany(max: number): McpError {
  const text = `${max} sessions are open, as many as may be (WEIR_MCP_SESSIONS); try again later`;
  return new McpError(errorCodes.server, text, {
    ...{ status: 503, headers: { 'retry-after': '5' } },
  });
}

function tooManyChanges(): McpError {
  const text = `what is set in a session may be changed ${CHANGES_MAX} times; begin another session`;
  return new McpError(errorCodes.invalidParams, text);
}

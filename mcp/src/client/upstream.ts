import { setTimeout as pause } from 'node:timers/promises';
import { type Client, SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import type { Logger, OutboundGuard, SecretSource } from '@weir/kit';
import {
  Code,
  type CompletionQuery,
  type InputKind,
  ProviderError,
  type Suggestions,
} from '@weir/sdk/provider';
import { type CallSession, callTarget } from './calls.ts';
import { faultText, plain } from './errors.ts';
import { createHearing } from './hearing.ts';
import { type Going, listenToCalls } from './legacy-calls.ts';
import { createLending, type Opened } from './lending.ts';
import { type Authorizations, connectorItself, type User } from './oauth/authorizations.ts';
import { signInOf } from './oauth/faults.ts';
import { createOffering } from './offering.ts';
import { createHeldCalls } from './questions.ts';
import type { Registrar } from './registrar.ts';
import { createResources } from './resources.ts';
import { askable, openSession, readCatalogue, type Session } from './session.ts';
import type { StateFile } from './state-file.ts';
import { createStderrLog } from './stderr-log.ts';
import { suspect } from './suspect.ts';
import type { Call, Target } from './target.ts';
import { createUpdates } from './updates.ts';
import { idOf, isForUsers, type UpstreamConfig } from './upstream-config.ts';

/** What an upstream needs of its connector. */
export interface UpstreamDeps {
  readonly registrar: Registrar;
  readonly state: StateFile;
  readonly outbound: OutboundGuard;
  readonly secrets: SecretSource;
  /** Tokens for it. Undefined: it wants none of OAuth. */
  readonly authorizations: Authorizations | undefined;
  readonly log: Logger;
  /** How often lists are read again, though no change was told. */
  readonly refreshMs: number;
}

/** An upstream that is kept connected, and offered. */
export interface Upstream extends AsyncDisposable {
  /** Judges its definitions by what is approved now. */
  approve(approved: UpstreamConfig['approved']): void;
}

const backoffFirstMs = 500;
const backoffMaxMs = 60_000;
/** Who lived so long does not begin with a long wait. */
const stableMs = 60_000;
/** A server may have learnt the new era since. */
const eraKeptMs = 24 * 3_600_000;
const offerAgainMs = 10_000;
const gatherMs = 50;

/** How an upstream is. */
type Life =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live'; readonly main: CallSession }
  | { readonly kind: 'waiting'; readonly error: string; readonly signIn: string | undefined }
  | { readonly kind: 'stopped' };

/** Connects to an upstream, offers what it has, and connects again whenever that ends. */
export function openUpstream(given: UpstreamConfig, deps: UpstreamDeps): Upstream {
  let config = given;
  const id = idOf(config);
  const { name, timeoutMs } = config;
  const log = deps.log.child({ upstream: id });
  const onLine = createStderrLog(log);
  const stopping = new AbortController();
  let life: Life = { kind: 'connecting' };
  let woken = Promise.withResolvers<void>();
  const wake = () => woken.resolve();
  let asks = false;

  const held = createHeldCalls<Going>(timeoutMs, ({ open }, reason) => open.cancel(reason));
  const hearing = createHearing();
  const updated = createUpdates(async (uris) => {
    try {
      await deps.registrar.publishUpdated(name, uris);
    } catch (error) {
      log.warn({ error: faultText(error) }, 'a change of resources could not be told');
    }
  });
  const hasUsers = isForUsers(config);
  const lending = createLending({
    ...{ name, hasUsers, main, open, transport: config.transport.kind },
    era: () => eraOf(deps.state, id),
    asks: () => asks,
    onFault(error, session) {
      if (session) void suspect(error, session, config);
      tellOperator(error);
    },
  });
  const operations = {
    timeoutMs,
    call: (target: Target, call: Call) =>
      lending.lend((acquire) => callTarget({ name, timeoutMs, held, acquire }, target, call)),
    suggest: (prompt: string) => suggestionsOf({ type: 'ref/prompt', name: prompt }),
  };
  const resources = createResources({
    timeoutMs,
    ask: lending.borrow,
    // What a user reads is that user's affair: the connector itself does not ask for it.
    onRead: (uri) => hasUsers || hearing.touch(uri),
    suggest: (uri) => suggestionsOf({ type: 'ref/resource', uri }),
  });
  const offering = createOffering({
    registrar: deps.registrar,
    resources,
    operations,
    state: () => deps.state.get(id),
    remember(change) {
      deps.state.put(id, change);
      return deps.state.saved();
    },
    onFault: (text, error) => log.warn({ error: faultText(error) }, text),
  });

  function setLife(next: Life): void {
    life = next;
    const status = next.kind === 'stopped' ? 'off' : next.kind;
    const { error, signIn } = next.kind === 'waiting' ? next : {};
    deps.state.put(id, { status, error, signIn });
  }

  function main(): CallSession {
    if (life.kind === 'live') return life.main;
    const why = life.kind === 'waiting' ? 'cannot be reached' : 'is being connected to';
    throw new ProviderError(Code.Unavailable, `${name} ${why}`, { retryDelayMs: 1_000 });
  }

  /** A call may want what only the operator can give. */
  function tellOperator(error: unknown): void {
    const signIn = signInOf(error);
    if (!signIn?.isOperators) return;
    deps.state.put(id, { error: faultText(signIn), signIn: signIn.address });
  }

  function suggestionsOf(ref: Parameters<Client['complete']>[0]['ref']) {
    return (query: CompletionQuery): Promise<Suggestions> =>
      lending.borrow(query.caller, async ({ client, capabilities }) => {
        if (!capabilities.completions) return { values: [] };
        const { argument, value, known, signal } = query;
        const context = { arguments: { ...known } };
        const asked = { ref, argument: { name: argument, value }, context };
        const { completion } = await client.complete(asked, { signal, timeout: timeoutMs });
        return completion;
      });
  }

  async function open(
    era: Session['era'] | undefined,
    user: User,
    canAsk: readonly InputKind[] = askable,
  ): Promise<Opened> {
    let traffic: CallSession['traffic'] | undefined;
    const grant = deps.authorizations?.grantOf(config, user);
    const session = await openSession(
      config,
      { ...deps, onLine, grant },
      {
        ...{ era, canAsk, signal: stopping.signal },
        prepare(client) {
          traffic = listenToCalls(client, canAsk, () => {
            asks = true;
          });
          listenToChanges(client);
        },
      },
    );
    return { session, traffic: traffic as CallSession['traffic'] };
  }

  function listenToChanges(client: Client): void {
    const refresh = () => wake();
    client.setNotificationHandler('notifications/tools/list_changed', refresh);
    client.setNotificationHandler('notifications/prompts/list_changed', refresh);
    client.setNotificationHandler('notifications/resources/list_changed', () => {
      resources.forget();
      refresh();
    });
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      if (hearing.has(params.uri)) updated(params.uri);
    });
  }

  /** Lives until the session ends. */
  async function live({ session, traffic }: Opened): Promise<void> {
    const ending = new AbortController();
    void session.closed.then(() => ending.abort());
    const { signal } = ending;
    remember(session);
    setLife({ kind: 'live', main: { session, traffic, release() {} } });
    // While nobody listened they may have changed.
    for (const uri of hearing.begin(session, signal)) updated(uri);
    try {
      while (!signal.aborted && !stopping.signal.aborted) {
        const isOffered = await refresh(session, signal);
        await rest(isOffered ? deps.refreshMs : offerAgainMs, signal);
      }
    } finally {
      ending.abort();
    }
  }

  function remember(session: Session): void {
    const { name: itsName = '', version = '' } = session.client.getServerVersion() ?? {};
    const eraTime = new Date().toISOString();
    const server = plain(`${itsName} ${version}`).trim();
    deps.state.put(id, { era: session.era, eraTime, server });
    log.info({ era: session.era, server }, 'the upstream is connected');
  }

  /** Says whether Weir took it. What the upstream fails at ends its session. */
  async function refresh(session: Session, signal: AbortSignal): Promise<boolean> {
    const catalogue = await readCatalogue(session, signal);
    try {
      await offering.offer(config, session, catalogue);
      deps.state.put(id, { error: undefined });
      return true;
    } catch (error) {
      const text = faultText(error);
      deps.state.put(id, { error: `Weir did not take it: ${text}` });
      log.warn({ error: text }, 'the upstream could not be offered');
      return false;
    }
  }

  /** Until something changes, or for a while. */
  async function rest(ms: number, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const any = AbortSignal.any([signal, stopping.signal, ended.signal]);
    await Promise.race([pause(ms, undefined, { signal: any }).catch(() => {}), woken.promise]);
    woken = Promise.withResolvers<void>();
    ended.abort();
    // What changes seldom comes alone.
    if (!signal.aborted) await pause(gatherMs);
  }

  async function run(): Promise<void> {
    let failures = 0;
    let isSuspectedLegacy = false;
    while (!stopping.signal.aborted) {
      const startMs = performance.now();
      setLife({ kind: 'connecting' });
      let error: unknown = new Error('the connection has ended');
      try {
        const opened = await open(
          isSuspectedLegacy ? 'legacy' : eraOf(deps.state, id),
          connectorItself,
        );
        isSuspectedLegacy = false;
        await using _session = opened.session;
        await live(opened);
      } catch (thrown) {
        error = thrown;
        // A server that was made before the new era may end on its first question.
        isSuspectedLegacy = config.transport.kind === 'stdio' && hasEnded(thrown);
      }
      if (stopping.signal.aborted) break;
      failures = performance.now() - startMs > stableMs ? 0 : failures + 1;
      setLife({ kind: 'waiting', error: faultText(error), signIn: signInOf(error)?.address });
      log.warn({ error: faultText(error), failures }, 'the upstream is not connected');
      const waitMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** (failures - 1));
      await rest(waitMs * (0.75 + Math.random() / 2), stopping.signal);
    }
    setLife({ kind: 'stopped' });
  }

  const signedIn = deps.authorizations?.onSignedIn(id, () => {
    if (life.kind === 'waiting') wake();
    else deps.state.put(id, { error: undefined, signIn: undefined });
  });
  const running = run();
  return {
    approve(approved) {
      config = { ...config, approved };
      wake();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      signedIn?.[Symbol.dispose]();
      if (life.kind === 'live') void life.main.session.client.close();
      held.end();
      await Promise.all([running, lending[Symbol.asyncDispose]()]);
      await offering[Symbol.asyncDispose]();
    },
  };
}

/** The era that the upstream was found to speak, if that is not long ago. */
function eraOf(state: StateFile, id: string): Session['era'] | undefined {
  const { era, eraTime = '' } = state.get(id);
  return Date.now() - Date.parse(eraTime) < eraKeptMs ? era : undefined;
}

function hasEnded(error: unknown): boolean {
  return error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed;
}

import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  Action,
  Effect,
  type ObligationSchema,
  type PolicyManifestSchema,
} from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { applyEntries } from '../src/snapshot/snapshot.ts';
import { createTestClock, openAnswering } from './answering.ts';
import { createEntries, testCaller } from './entries.ts';
import { openProviderServer, type ProviderBehaviour } from './provider-server.ts';

/** An obligation. */
export type Duty = Exclude<MessageInitShape<typeof ObligationSchema>['kind'], undefined>;

/** How long items are fresh. */
export const TTL_MS = 60_000;

/** The policy under which agents get values as obligations leave them, and all others as they are. */
export function guarding(...duties: Duty[]): MessageInitShape<typeof PolicyManifestSchema> {
  const allowed = { effect: Effect.ALLOW, actions: [Action.FETCH] };
  const obligations = duties.map((kind) => ({ kind }));
  return {
    name: 'p',
    rules: [
      { ...allowed, name: 'all' },
      { ...allowed, name: 'agents', subjects: { roles: ['agent'] }, obligations },
    ],
  };
}

/** One provider of documents, an agent under obligations, and a boss who is under none. */
export async function openGuarded(
  fetch: ProviderBehaviour['fetch'],
  duties: readonly Duty[],
  options: Omit<Parameters<typeof openAnswering>[1], 'clock' | 'policies'> = {},
) {
  await using stack = new AsyncDisposableStack();
  const clock = createTestClock();
  const server = stack.use(await openProviderServer({ fetch }));
  const manifest = {
    name: 'docs',
    version: '1.0.0',
    contexts: [{ type: 'DocChunk', version: '1.0.0', ttl: durationFromMs(TTL_MS) }],
  };
  const policies = [guarding(...duties)];
  const providers = [{ manifest, urls: [server.url] }];
  const weir = stack.use(openAnswering(providers, { clock, policies, ...options }));
  const make = createEntries();
  const change = (...entries: Parameters<typeof applyEntries>[1]) =>
    weir.holder.replace(applyEntries(weir.holder.current, entries, weir.holder.current), 0);
  const attributes = { roles: ['agent'] };
  change(make.principal('lin', attributes), make.key('k1', 'lin'));
  change(make.principal('mia'), make.key('k2', 'mia'));
  const agent = testCaller({ attributes });
  const boss = { ...testCaller({ principal: 'mia' }), keyId: 'k2' };
  const owned = stack.move();
  /** The first job waits for a thread, which a busy machine may be slow to start. */
  const timeoutMs = 60_000;
  type Ask = Parameters<typeof weir.fetch>[1];
  return {
    ...{ weir, server, clock },
    results: weir.redactionResults,
    asAgent: (refs: readonly string[], more: Ask = {}) =>
      weir.fetch(refs, { timeoutMs, caller: agent, ...more }),
    asBoss: (refs: readonly string[], more: Ask = {}) =>
      weir.fetch(refs, { timeoutMs, caller: boss, ...more }),
    /** Puts other rules in force. */
    rule: (...others: Duty[]) => change(make.policy(guarding(...others))),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

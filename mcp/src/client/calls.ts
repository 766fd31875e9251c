import { createHash } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/client';
import { Code, inputRequired, ProviderError } from '@weir/sdk/provider';
import { callLegacy, goOn, type HeldGoing, type Traffic } from './legacy-calls.ts';
import { callModern, unaskable } from './modern-calls.ts';
import { signInOf } from './oauth/faults.ts';
import type { Session } from './session.ts';
import type { Call, Target } from './target.ts';

/** A session as calls use it, until it is released. */
export interface CallSession {
  readonly session: Session;
  readonly traffic: Traffic;
  release(): void;
}

/** What calling needs of an upstream. */
export interface CallDeps {
  /** What callers know the upstream as. */
  readonly name: string;
  readonly timeoutMs: number;
  readonly held: HeldGoing;
  /** A session; for who can be asked one where it is known whom a question is for. */
  acquire(call: Call): Promise<CallSession>;
}

/** The state of a call that is made again once its caller has been somewhere else. */
const againState = 'again';

/** Calls a tool or gets a prompt, and answers as operations of the SDK do. */
export async function callTarget(deps: CallDeps, target: Target, call: Call): Promise<unknown> {
  try {
    requireSignIn(call);
    return await answered(deps, target, call);
  } catch (error) {
    const asked = placesToGo(error, call) ?? signInFor(error, call, deps.name) ?? unaskable(error);
    if (!asked || asked.length === 0) throw error;
    return inputRequired(asked, againState);
  }
}

async function answered(deps: CallDeps, target: Target, call: Call): Promise<unknown> {
  const state = call.state === againState ? '' : call.state;
  const going = state === '' ? undefined : deps.held.take(state);
  if (going) return await goOn(deps, target, { going, call });
  const taken = await deps.acquire(call);
  const byEra = { legacy: callLegacy, modern: callModern };
  return await byEra[taken.session.era](deps, target, { taken, call, state });
}

/** What servers of 2025-11-25 ask by an error: that a person opens an address first. */
function placesToGo(error: unknown, { canAsk }: Call) {
  if (!(error instanceof ProtocolError)) return undefined;
  if (error.code !== ProtocolErrorCode.UrlElicitationRequired || !canAsk.includes('url')) return;
  const { elicitations = [] } = (error.data ?? {}) as { elicitations?: readonly JsonObject[] };
  if (elicitations.length === 0) return undefined;
  return elicitations.map((params, i) => ({ id: `q${i + 1}`, kind: 'url' as const, params }));
}

const signInId = 'sign-in';

/** Has the caller sign in, which the server itself does not know how to ask for. */
function signInFor(error: unknown, { canAsk }: Call, name: string) {
  const signIn = signInOf(error);
  if (!signIn || signIn.isOperators || !canAsk.includes('url')) return undefined;
  const message = `${name} is for users who have signed in. Open the address, sign in, and go on.`;
  const elicitationId = createHash('sha256').update(signIn.address).digest('base64url');
  const params = { mode: 'url', message, url: signIn.address, elicitationId };
  return [{ id: signInId, kind: 'url' as const, params }];
}

/** Who does not want to sign in is not asked again. */
function requireSignIn({ state, answers }: Call): void {
  const { action = 'accept' } = answers[signInId] ?? {};
  if (state !== againState || action === 'accept') return;
  throw new ProviderError(Code.FailedPrecondition, 'the caller did not sign in');
}

import {
  auth,
  computeScopeUnion,
  extractWWWAuthenticateParams,
  type FetchLike,
  isStrictScopeSuperset,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import type { OutboundGuard, SecretSource } from '@weir/kit';
import { Code, ProviderError } from '@weir/sdk/provider';
import type { Grant } from './authorized-fetch.ts';
import { AuthorizationFailed, authorizationFault, SignInNeeded } from './faults.ts';
import { createFlow, type Draft } from './flow.ts';
import type { OAuthConfig } from './oauth-config.ts';
import { createOAuthFetch } from './oauth-fetch.ts';
import type { SignInListener } from './sign-in-listener.ts';
import { newSecret } from './sign-ins.ts';
import type { Holder, TokenFile } from './token-file.ts';

/** What grants need of the connector. */
export interface GrantDeps {
  readonly file: TokenFile;
  /** Where users sign in. */
  readonly listener: () => Promise<SignInListener>;
  readonly outbound: OutboundGuard;
  readonly secrets: SecretSource;
}

/** What a grant is for. */
export interface GrantOf {
  readonly config: OAuthConfig;
  readonly holder: Holder;
  /** Is told when a person has signed in. */
  readonly onSignedIn: () => void;
}

/** A scope that is longer is not asked for. */
const scopeMaxChars = 2_000;

/** Creates the grant of a holder: at any time it comes by one token at most. */
export function createGrant(deps: GrantDeps, { config, holder, onSignedIn }: GrantOf): Grant {
  const { file, secrets } = deps;
  const fetchFn: FetchLike = createOAuthFetch(deps.outbound);
  const isUsers = config.grant === 'authorization_code';
  const isOperators = holder.principal === '';
  /** One for each way of being refused, by status. */
  const renewing = new Map<number, Promise<void>>();

  async function flowOf(draft: Draft) {
    const listener = isUsers ? await deps.listener() : undefined;
    const { redirectUrl, documentUrl } = listener ?? {};
    const places = { redirectUrl, documentUrl };
    return { listener, flow: createFlow({ config, holder, file, secrets, ...places }, draft) };
  }

  async function renew(refused: Response, sent: string | undefined): Promise<void> {
    const held = file.tokens(holder);
    const isStepUp = refused.status === 403;
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(refused);
    const had = computeScopeUnion(held?.asked, held?.tokens.scope);
    const wanted = computeScopeUnion(had, scope);
    // Another request was faster.
    const isNew = held !== undefined && held.tokens.access_token !== sent;
    if (isNew && !(isStepUp && isStrictScopeSuperset(wanted, had))) return;
    requireWorth({ wanted, had, isStepUp }, holder.upstream);

    const draft: Draft = { state: newSecret(), wanted, asked: '' };
    const { listener, flow } = await flowOf(draft);
    const name = JSON.stringify(holder);
    const pending = listener?.signIns.pending(name, wanted ?? '');
    if (pending !== undefined) throw new SignInNeeded(pending, isOperators);
    const result = await authorized(flow, {
      ...{ serverUrl: holder.url, fetchFn, forceReauthorization: isStepUp },
      ...(resourceMetadataUrl && { resourceMetadataUrl }),
      ...(wanted !== undefined && { scope: wanted }),
    });
    if (result === 'AUTHORIZED') return;
    if (!listener || !draft.page) throw new AuthorizationFailed('nobody can sign in');
    const address = begin(listener, { draft, name, page: draft.page, wanted });
    throw new SignInNeeded(address, isOperators);
  }

  function begin(
    { signIns }: SignInListener,
    given: { draft: Draft; name: string; page: URL; wanted: string | undefined },
  ): string {
    const { draft, name, page, wanted = '' } = given;
    try {
      return signIns.begin({
        ...{ holder: name, wanted, page, state: draft.state, title: holder.upstream },
        who: whoOf(holder),
        async finish(answer) {
          const { flow } = await flowOf(draft);
          const transport = new StreamableHTTPClientTransport(new URL(holder.url), {
            ...{ authProvider: flow, fetch: fetchFn },
          });
          await transport.finishAuth(answer);
          onSignedIn();
        },
      });
    } catch (error) {
      const text = (error as Error).message;
      throw new ProviderError(Code.ResourceExhausted, text, { retryDelayMs: 60_000 });
    }
  }

  return {
    token: () => file.tokens(holder)?.tokens.access_token,
    renew(refused, sent) {
      const { status } = refused;
      const known = renewing.get(status);
      if (known) return known;
      const before = Promise.allSettled(renewing.values());
      const next = before.then(() => renew(refused, sent)).finally(() => renewing.delete(status));
      renewing.set(status, next);
      return next;
    },
  };
}

/** What the authorization server refuses is told as such, and not as an upstream that is away. */
async function authorized(...given: Parameters<typeof auth>): ReturnType<typeof auth> {
  try {
    return await auth(...given);
  } catch (error) {
    const fault = error instanceof Error ? authorizationFault(error) : undefined;
    throw fault === undefined ? error : new AuthorizationFailed(fault);
  }
}

/** Who asks for a scope that was asked for already would ask without end. */
function requireWorth(
  of: { wanted: string | undefined; had: string | undefined; isStepUp: boolean },
  upstream: string,
): void {
  const { wanted, had, isStepUp } = of;
  if ((wanted ?? '').length > scopeMaxChars) {
    throw new AuthorizationFailed(
      `${upstream} asks for a scope of over ${scopeMaxChars} characters`,
    );
  }
  if (!isStepUp || isStrictScopeSuperset(wanted, had)) return;
  throw new AuthorizationFailed(`${upstream} wants a scope that was asked for, and not given`);
}

function whoOf({ tenant, principal }: Holder): string {
  return principal === ''
    ? 'the operator, so that Weir can read what it offers'
    : `${principal} of ${tenant}`;
}

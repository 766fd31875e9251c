import {
  isStrictScopeSuperset,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client';
import type { SecretSource } from '@weir/kit';
import { clientMetadata, keyAuthentication, registeredClient } from './client-identity.ts';
import { AuthorizationFailed } from './faults.ts';
import type { OAuthConfig } from './oauth-config.ts';
import type { HeldClient, HeldTokens, Holder, TokenFile } from './token-file.ts';

/** What is known between the way out to the authorization server and the way back. */
export interface Draft {
  readonly state: string;
  /** The scope that the upstream wants. */
  readonly wanted: string | undefined;
  /** The scope that was asked for in the end. */
  asked: string;
  page?: URL;
  verifier?: string;
  discovery?: OAuthDiscoveryState;
  /** The client that asks: another may be registered before the answer is there. */
  client?: HeldClient | undefined;
}

/** What one run of the protocol works with. */
export interface FlowDeps {
  readonly config: OAuthConfig;
  readonly holder: Holder;
  readonly file: TokenFile;
  readonly secrets: SecretSource;
  /** Where users are sent back to; undefined: nobody is sent anywhere. */
  readonly redirectUrl: string | undefined;
  /** What the connector is known by where it has not been registered. */
  readonly documentUrl: string | undefined;
}

/** The connector as a client of OAuth, for one holder and one run of the protocol. */
export function createFlow(deps: FlowDeps, draft: Draft): OAuthClientProvider {
  const { config, holder, file, secrets, redirectUrl, documentUrl } = deps;
  const { upstream, url } = holder;
  const signs = keyAuthentication(config, secrets);
  const metadataUrl = config.metadata || documentUrl;

  /** Nothing that was given by one authorization server is shown to another. */
  const held = (issuer?: string): HeldTokens | undefined => {
    const found = file.tokens(holder);
    return issuer === undefined || found?.tokens.issuer === issuer ? found : undefined;
  };
  /** Tokens are refreshed by the client that has them; one that may not ask for so much is none. */
  const own = (issuer: string) =>
    [draft.client, held(issuer)?.client, file.client(upstream, url, issuer)].find(
      (found) =>
        found?.information.issuer === issuer &&
        found.redirectUrl === (redirectUrl ?? '') &&
        mayAsk(found, draft.wanted),
    );

  return {
    redirectUrl,
    clientMetadata: clientMetadata(config, redirectUrl),
    ...(metadataUrl !== undefined && { clientMetadataUrl: metadataUrl }),
    ...(signs && { addClientAuthentication: signs }),
    state: () => draft.state,
    clientInformation(at) {
      const issuer = at?.issuer ?? '';
      if (config.issuer !== '' && !isSameIssuer(issuer, config.issuer)) {
        const text = `the upstream names ${issuer} as its authorization server, and only ${config.issuer} is believed (http.oauth.issuer)`;
        throw new AuthorizationFailed(text);
      }
      // As the server writes it: whether it is the right one has been settled.
      const registered = registeredClient(config, secrets);
      if (registered) return { ...registered, issuer };
      draft.client = own(issuer);
      return draft.client?.information;
    },
    async saveClientInformation(information, at) {
      const { issuer } = at ?? information;
      if (config.client !== '' || issuer === undefined) return;
      draft.client = { information: { ...information, issuer }, redirectUrl: redirectUrl ?? '' };
      await file.keepClient({ upstream, url, issuer }, draft.client);
    },
    tokens: (at) => held(at?.issuer)?.tokens,
    async saveTokens(tokens: StoredOAuthTokens) {
      const asked = draft.asked || (held()?.asked ?? '');
      await file.keepTokens(holder, { tokens, asked, client: draft.client });
    },
    redirectToAuthorization(page) {
      draft.page = page;
      draft.asked = page.searchParams.get('scope') ?? '';
    },
    saveCodeVerifier(verifier) {
      draft.verifier = verifier;
    },
    codeVerifier() {
      if (draft.verifier !== undefined) return draft.verifier;
      throw new AuthorizationFailed('the sign-in has no verifier');
    },
    saveDiscoveryState(discovery) {
      draft.discovery = discovery;
    },
    discoveryState: () => draft.discovery,
    async invalidateCredentials(what) {
      if (what === 'all' || what === 'tokens') await file.keepTokens(holder, undefined);
      const issuer = draft.discovery?.authorizationServerMetadata?.issuer;
      if ((what === 'all' || what === 'client') && issuer !== undefined) {
        draft.client = undefined;
        await file.keepClient({ upstream, url, issuer }, undefined);
      }
    },
    ...(config.grant === 'client_credentials' && {
      prepareTokenRequest(scope?: string) {
        draft.asked = scope ?? '';
        const asked = scope ? { scope } : {};
        return new URLSearchParams({ grant_type: 'client_credentials', ...asked });
      },
    }),
  };
}

/** A client may be registered for a scope. */
function mayAsk({ information }: HeldClient, wanted: string | undefined): boolean {
  const { scope } = information as { scope?: string };
  return scope === undefined || !isStrictScopeSuperset(wanted, scope);
}

function isSameIssuer(a: string, b: string): boolean {
  return a.replace(/\/$/, '') === b.replace(/\/$/, '');
}

import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import Provider from 'oidc-provider';

/** The audience of its tokens. */
export const resource = 'https://weir.example';

/** A new signing key. */
export async function newKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' };
}

/** A certified OpenID provider on this machine, as a company runs one. */
export interface OpenIdProvider extends AsyncDisposable {
  readonly url: string;
  /** Has other keys from now on, of which the first signs. */
  use(...keys: JWK[]): void;
  /** A token of the client "agent". */
  token(scope: string): Promise<string>;
}

/** Opens a provider without keys. */
export async function openOpenIdProvider(): Promise<OpenIdProvider> {
  let listener: RequestListener = () => {};
  const server = createServer((request, response) => listener(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    use(...keys) {
      const scope = 'weir:read weir:fetch:DocChunk';
      const client = { client_id: 'agent', client_secret: 'secret', redirect_uris: [] };
      const grants = { grant_types: ['client_credentials'], response_types: [], scope };
      listener = new Provider(url, {
        jwks: { keys },
        clients: [{ ...client, ...grants }],
        clientDefaults: { id_token_signed_response_alg: 'ES256' },
        features: {
          devInteractions: { enabled: false },
          clientCredentials: { enabled: true },
          resourceIndicators: {
            enabled: true,
            defaultResource: () => resource,
            getResourceServerInfo: () => ({
              scope,
              audience: resource,
              accessTokenFormat: 'jwt',
              accessTokenTTL: 600,
              jwt: { sign: { alg: 'ES256' } },
            }),
          },
        },
        scopes: scope.split(' '),
      }).callback();
    },
    async token(scope) {
      const answer = await fetch(`${url}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('agent:secret')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource }),
      });
      const { access_token } = (await answer.json()) as { access_token?: string };
      if (access_token === undefined) throw new Error('the provider gave no token');
      return access_token;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

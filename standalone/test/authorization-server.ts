import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newKey } from '@weir/kit/testing/openid-provider';
import Provider from 'oidc-provider';
import { openBrowser, type Shown } from './browser.ts';

/** A certified authorization server on this machine, where anybody signs in with any name. */
export interface AuthorizationServer extends AsyncDisposable {
  readonly url: string;
}

/** How it is opened. */
export interface AuthorizationServerOptions {
  /** How long its access tokens are good, in seconds. Default: 600. */
  readonly accessTokenTtlS?: number;
  /** Clients that it knows without being told. */
  readonly clients?: readonly object[];
  /** The audience of its tokens. Default: the resource that is asked for. */
  readonly audience?: string;
}

/** Opens one that registers clients and gives tokens for the resource that is asked for. */
export async function openAuthorizationServer({
  accessTokenTtlS = 600,
  clients = [],
  audience,
}: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  let listener: RequestListener = () => {};
  const server = createServer((request, response) => listener(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const scopes = ['read', 'write', 'offline_access'];
  listener = new Provider(url, {
    jwks: { keys: [await newKey('first')] },
    clients,
    scopes,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    features: {
      registration: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => url,
        useGrantedResource: () => true,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope: 'read write',
          audience: audience ?? resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: accessTokenTtlS,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    issueRefreshToken: () => true,
  }).callback();
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Goes the way of a person with a browser: says yes to Weir, says who it is, and consents. */
export async function signInAs(login: string, address: string): Promise<Shown> {
  const browser = openBrowser();
  let shown = await browser.submit(await browser.open(address));
  for (let page = 0; page < 3 && shown.text.includes('name="prompt"'); page++) {
    shown = await browser.submit(shown, { login, password: 'any' });
  }
  return shown;
}

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** An issuer of tokens, on this machine. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  /** The paths that it was asked for, in order. */
  readonly asked: readonly string[];
  /** Its keys, of which the last one signs. */
  readonly keys: JWK[];
  /** Whether it answers. */
  up: boolean;
  /** What it waits for before it answers. */
  before: (() => Promise<void>) | undefined;
  /** Makes another key that signs from now on; the ones before stay published. */
  rotate(): Promise<void>;
  /** A token of its own, with other claims and other parts of the header. */
  sign(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
}

/** Opens an issuer that publishes what it is told to, and signs whatever it is asked to. */
export async function openTestIssuer(algorithm = 'ES256'): Promise<TestIssuer> {
  const keys: JWK[] = [];
  const asked: string[] = [];
  let signing: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'] | undefined;
  const respond = async (path: string, response: ServerResponse) => {
    await issuer.before?.();
    if (!issuer.up) return void response.writeHead(503).end();
    const document =
      path === '/jwks' ? { keys } : { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
    response.end(JSON.stringify(document));
  };
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    void respond(request.url ?? '', response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ asked, keys, up: true, before: undefined },
    async rotate() {
      const pair = await generateKeyPair(algorithm, { extractable: true });
      const kid = `key-${keys.length + 1}`;
      keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' });
      signing = pair.privateKey;
    },
    sign(claims = {}, header = {}) {
      if (!signing) throw new Error('no key');
      const nowS = Math.floor(Date.now() / 1000);
      const all = { iss: issuer.url, aud: 'weir', sub: 'lin', exp: nowS + 600, ...claims };
      const kid = keys.at(-1)?.kid;
      const protectedHeader = { alg: algorithm, typ: 'at+jwt', ...(kid && { kid }), ...header };
      return new SignJWT(all).setProtectedHeader(protectedHeader).sign(signing);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  await issuer.rotate();
  return issuer;
}

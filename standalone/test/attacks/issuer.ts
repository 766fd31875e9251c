import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { ALLOWED_HOST } from './world.ts';

/** What a token says; what is undefined is left out. */
export type Claims = Readonly<Record<string, unknown>>;

/** An issuer of tokens, at the address that may be called. */
export interface Issuer extends AsyncDisposable {
  readonly url: string;
  /** The paths that it was asked for. */
  readonly asked: readonly string[];
  /** Its public key, as the world knows it. */
  readonly publicKey: string;
  /** A sound token, but for what is given. */
  sign(claims?: Claims, header?: Readonly<Record<string, unknown>>): Promise<string>;
}

const ALGORITHM = 'RS256';
const KID = 'key-1';

/** Opens an issuer with one key of RSA. */
export async function openIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: KID, alg: ALGORITHM, use: 'sig' };
  const asked: string[] = [];
  let url = '';
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const isKeys = request.url === '/jwks';
    response.end(
      JSON.stringify(isKeys ? { keys: [jwk] } : { issuer: url, jwks_uri: `${url}/jwks` }),
    );
  });
  server.listen(0, ALLOWED_HOST);
  await once(server, 'listening');
  url = `http://${ALLOWED_HOST}:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url, asked },
    publicKey: await exportSPKI(publicKey),
    sign(claims = {}, header = {}) {
      const all = {
        ...{ iss: url, aud: 'weir', sub: 'lin', scope: 'weir:read' },
        exp: Math.floor(Date.now() / 1000) + 600,
        ...claims,
      };
      const given = Object.fromEntries(
        Object.entries(all).filter(([, value]) => value !== undefined),
      );
      return new SignJWT(given)
        .setProtectedHeader({ alg: ALGORITHM, typ: 'at+jwt', kid: KID, ...header })
        .sign(privateKey);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

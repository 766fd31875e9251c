import {
  type AddClientAuthentication,
  createPrivateKeyJwtAuth,
  type OAuthClientMetadata,
  type StoredOAuthClientInformation,
} from '@modelcontextprotocol/client';
import type { SecretSource } from '@weir/kit';
import type { OAuthConfig } from './oauth-config.ts';

/** What the connector says of itself to authorization servers. */
export function clientMetadata(
  { grant, scope, method }: Pick<OAuthConfig, 'grant' | 'scope' | 'method'>,
  redirectUrl: string | undefined,
): OAuthClientMetadata {
  const isUsers = grant === 'authorization_code';
  return {
    client_name: 'Weir',
    redirect_uris: redirectUrl === undefined ? [] : [redirectUrl],
    grant_types: isUsers ? ['authorization_code', 'refresh_token'] : ['client_credentials'],
    response_types: isUsers ? ['code'] : [],
    ...(method !== '' && { token_endpoint_auth_method: method }),
    ...(scope !== '' && { scope }),
  };
}

/** The client of the operator's file. Undefined: it names none. */
export function registeredClient(
  { client, secret, method, issuer }: OAuthConfig,
  secrets: SecretSource,
): StoredOAuthClientInformation | undefined {
  if (client === '') return undefined;
  return {
    client_id: client,
    ...(secret !== '' && { client_secret: revealed(secret, secrets) }),
    ...(method !== '' && { token_endpoint_auth_method: method }),
    ...(issuer !== '' && { issuer }),
  };
}

/** Signs with the private key of the operator's file. Undefined: it names none. */
export function keyAuthentication(
  { client, key, algorithm }: OAuthConfig,
  secrets: SecretSource,
): AddClientAuthentication | undefined {
  if (key === '') return undefined;
  const text = revealed(key, secrets);
  const privateKey = text.startsWith('{')
    ? (JSON.parse(text) as Record<string, unknown>)
    : text.replaceAll('\\n', '\n');
  const sign = createPrivateKeyJwtAuth({
    ...{ issuer: client, subject: client, privateKey, alg: algorithm },
  });
  return async (headers, params, url, metadata) => {
    await sign(headers, params, url, metadata);
    params.set('client_id', client);
  };
}

/** Resolves a reference. Throws when there is no such secret. */
export function revealed(reference: string, secrets: SecretSource): string {
  const secret = secrets.resolve(reference);
  if (secret !== undefined) return secret;
  throw new Error(`${reference} is not in the file of secrets (WEIR_SECRETS_FILE); write it there`);
}

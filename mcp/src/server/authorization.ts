import type { JsonObject } from '@bufbuild/protobuf';
import { connectionOf, type HttpRequest } from '@weir/kit';
import type { McpError } from './json-rpc.ts';
import { SERVER_PATH } from './paths.ts';

/** Where clients learn who gives out tokens for a resource (RFC 9728). */
const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const REALM = 'weir';

/** Under which addresses Weir is called, and by whose tokens. */
export interface AuthorizationDeps {
  /** Undefined: where the request came to. */
  readonly publicUrl: string | undefined;
  authorizationServers(): readonly string[];
}

/** The path of the resource that a request asks the metadata of; undefined: it asks for none. */
export function metadataPathOf(path: string): string | undefined {
  if (path === WELL_KNOWN) return SERVER_PATH;
  return path.startsWith(`${WELL_KNOWN}/`) ? path.slice(WELL_KNOWN.length) : undefined;
}

/** What clients learn of a resource; undefined: of no issuer can be said that its tokens are good. */
export function metadataOf(
  request: HttpRequest,
  deps: AuthorizationDeps,
  path: string,
): JsonObject | undefined {
  const servers = deps.authorizationServers();
  if (servers.length === 0) return undefined;
  return {
    resource: `${baseOf(request, deps)}${path}`,
    authorization_servers: [...servers],
    bearer_methods_supported: ['header'],
    scopes_supported: ['weir:read', 'weir:call'],
    resource_name: 'Weir',
  };
}

/** What a client that was not let in is told to bring (RFC 6750, RFC 9728); empty: nothing would help. */
export function challengeOf(
  request: HttpRequest,
  deps: AuthorizationDeps,
  { error, path }: { readonly error: McpError; readonly path: string },
): Readonly<Record<string, string>> {
  const fault = faultOf(request, error);
  if (!fault) return {};
  const hasIssuers = deps.authorizationServers().length > 0;
  const metadata = `resource_metadata="${baseOf(request, deps)}${WELL_KNOWN}${path}"`;
  const parts = [`realm="${REALM}"`, ...fault, ...(hasIssuers ? [metadata] : [])];
  return { 'www-authenticate': `Bearer ${parts.join(', ')}` };
}

function faultOf(request: HttpRequest, { status, data }: McpError): string[] | undefined {
  if (status === 401) {
    // Who brought nothing is told of no fault (RFC 6750, 3.1).
    return request.headers.authorization === undefined ? [] : ['error="invalid_token"'];
  }
  const scope = data?.scope;
  if (status !== 403 || typeof scope !== 'string') return undefined;
  return ['error="insufficient_scope"', `scope="${scope}"`];
}

function baseOf(request: HttpRequest, { publicUrl }: AuthorizationDeps): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
  const host = 'authority' in request ? request.authority : request.headers.host;
  const connection = connectionOf(request);
  return `${connection && 'encrypted' in connection ? 'https' : 'http'}://${host}`;
}

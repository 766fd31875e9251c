import { DocumentError } from '../read/document-error.ts';
import { isObject, type JsonObject, listOf, objectOf, textOf } from '../read/json.ts';
import type { ApiDocument } from '../read/read-document.ts';
import type { CredentialSpec } from '../runtime/credentials.ts';
import { type Endpoint, endpointName } from './endpoints.ts';
import type { Note } from './model.ts';
import { providerNameOf } from './names.ts';

/** How one says who calls. */
export interface Security {
  readonly credentials: Readonly<Record<string, CredentialSpec>>;
  /** Sets of credentials, of which a request needs one. Empty: it needs none. */
  setsOf(endpoint: Endpoint): readonly (readonly string[])[];
}

/** Reads the security schemes of a document. `secrets` gives references in the place of the default ones. */
export function securityOf(
  document: ApiDocument,
  options: {
    readonly provider: string;
    readonly secrets: Readonly<Record<string, string>>;
    readonly notes: Note[];
  },
): Security {
  const schemes = objectOf(objectOf(document.root.components).securitySchemes);
  const credentials: Record<string, CredentialSpec> = {};
  for (const name of Object.keys(schemes)) {
    const pointer = `/components/securitySchemes/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const place = `#${pointer}`;
    const found = objectOf(document.follow(schemes[name], pointer).value);
    const secret = options.secrets[name] ?? `secret://${options.provider}-${providerNameOf(name)}`;
    const read = credentialOf(found, secret, { place, notes: options.notes });
    if (read) credentials[name] = read;
  }
  const unknown = Object.keys(options.secrets).filter((name) => !Object.hasOwn(schemes, name));
  if (unknown.length > 0) {
    const known = Object.keys(schemes).join(', ') || 'none';
    const text = `there is no security scheme ${unknown.join(', ')}; there are: ${known}`;
    throw new DocumentError([{ place: '#/components/securitySchemes', text }]);
  }
  const told = new Set<string>();
  return {
    credentials,
    setsOf(endpoint) {
      const stated = endpoint.operation.security ?? document.root.security;
      const sets = listOf(stated).map((each) => Object.keys(objectOf(each)));
      const usable = sets.filter((names) => names.every((name) => credentials[name]));
      if (sets.length > 0 && usable.length === 0) {
        const missing = [...new Set(sets.flat().filter((name) => !credentials[name]))].join(', ');
        if (!told.has(missing)) {
          const text = `needs ${missing}, which is not supported; it is called without`;
          options.notes.push({ place: endpointName(endpoint), text });
        }
        told.add(missing);
      }
      return usable;
    },
  };
}

function credentialOf(
  scheme: JsonObject,
  secret: string,
  { place, notes }: { readonly place: string; readonly notes: Note[] },
): CredentialSpec | undefined {
  const type = textOf(scheme.type);
  if (type === 'apiKey') {
    const where = textOf(scheme.in);
    const name = textOf(scheme.name);
    if (name && (where === 'header' || where === 'query' || where === 'cookie')) {
      return { kind: 'apiKey', in: where, name, secret };
    }
  }
  if (type === 'http') {
    const kind = textOf(scheme.scheme)?.toLowerCase();
    if (kind === 'basic' || kind === 'bearer') return { kind, secret };
  }
  if (type === 'oauth2') return oauthOf(scheme, secret, { place, notes });
  if (type === 'openIdConnect') {
    const tokenUrl = textOf(scheme.openIdConnectUrl);
    if (tokenUrl && URL.canParse(tokenUrl)) {
      return { kind: 'clientCredentials', tokenUrl, isDiscovery: true, scopes: [], secret };
    }
  }
  const what =
    type === 'http' ? `http ${textOf(scheme.scheme) ?? ''}` : (type ?? 'a scheme without type');
  notes.push({ place, text: `${what} is not supported` });
  return undefined;
}

function oauthOf(
  scheme: JsonObject,
  secret: string,
  { place, notes }: { readonly place: string; readonly notes: Note[] },
): CredentialSpec {
  const flow = objectOf(scheme.flows).clientCredentials;
  const tokenUrl = isObject(flow) ? textOf(flow.tokenUrl) : undefined;
  if (isObject(flow) && tokenUrl && URL.canParse(tokenUrl)) {
    return { kind: 'clientCredentials', tokenUrl, scopes: [], secret };
  }
  const flows = Object.keys(objectOf(scheme.flows)).join(', ') || 'none';
  const text = `of its flows (${flows}) none runs without a person: give an access token as the secret`;
  notes.push({ place, text });
  return { kind: 'bearer', secret };
}

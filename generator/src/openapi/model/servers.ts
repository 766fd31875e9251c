import { documentError } from '../read/document-error.ts';
import { isObject, type JsonObject, listOf, objectOf, textOf } from '../read/json.ts';
import type { ApiDocument } from '../read/read-document.ts';

/** How the address of an API is chosen. */
export interface ServerOptions {
  /** Its number in the document from 1, or an address. Default: the first. */
  readonly server?: string | undefined;
  /** Values of variables in it. Default: those of the document. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where the document was got, for servers that are relative to it. */
  readonly location: string;
}

/** The address of an API, without a slash at its end. Throws DocumentError. */
export function baseUrlOf(document: ApiDocument, options: ServerOptions): string {
  const { server, variables, location } = options;
  if (server !== undefined && !/^\d+$/.test(server)) return checked(server, '--server', location);
  const servers = serversOf(document.root.servers);
  const number = Number(server ?? 1);
  const chosen = servers[number - 1];
  if (!chosen) {
    const there = servers.length === 0 ? 'names no server' : `names ${servers.length} servers`;
    throw documentError('#/servers', `${there}; give its address with --server`);
  }
  return checked(filled(chosen, variables), `#/servers/${number - 1}`, location);
}

/** What stands before the paths of an operation that has servers of its own; undefined: as all others. Throws DocumentError. */
export function ownBaseOf(
  servers: unknown,
  { variables, location }: ServerOptions,
  place: string,
): string | undefined {
  const [first] = serversOf(servers);
  return first && checked(filled(first, variables), place, location);
}

function serversOf(value: unknown): JsonObject[] {
  return listOf(value)
    .map(objectOf)
    .filter((server) => typeof server.url === 'string');
}

function filled(server: JsonObject, given: Readonly<Record<string, string>>): string {
  return (textOf(server.url) ?? '').replace(/\{([^}]+)\}/g, (_, name: string) => {
    const variable = objectOf(server.variables)[name];
    const stated = isObject(variable) ? variable : {};
    const value = given[name] ?? stated.default;
    const allowed = listOf(stated.enum);
    if (value === undefined || value === null) {
      throw documentError(
        '#/servers',
        `has a variable ${name} without value; give --server-variable ${name}=…`,
      );
    }
    if (
      given[name] !== undefined &&
      allowed.length > 0 &&
      !allowed.map(String).includes(given[name])
    ) {
      throw documentError(
        '#/servers',
        `${name} may be ${allowed.join(', ')}, and not "${given[name]}"`,
      );
    }
    return String(value);
  });
}

function checked(text: string, place: string, location: string): string {
  const base = URL.canParse(location) ? location : undefined;
  const url = URL.parse(text, base);
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '') {
    return url.href.replace(/\/+$/, '');
  }
  throw documentError(
    place,
    `"${text}" is no whole address of an API; give it with --server https://…`,
  );
}

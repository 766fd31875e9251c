import type { JsonValue } from '@bufbuild/protobuf';
import type { Weir } from '@weir/sdk';
import { type Principal, PrincipalKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { InvalidArgumentError } from 'commander';
import { usageFailure } from '../failure.ts';
import { collectPages } from '../pages.ts';

/** How many principals are looked through for a name. */
const PRINCIPALS_MAX = 100_000;

const kinds: Readonly<Record<string, PrincipalKind>> = {
  user: PrincipalKind.USER,
  agent: PrincipalKind.AGENT,
  service: PrincipalKind.SERVICE,
};
/** Attributes that are lists of texts. */
const LISTS = ['roles', 'groups'];

/**
 * The principal that a text names: `lin`, or `user:lin`, `agent:lin` or `service:lin`. A principal
 * whose whole name is "user:lin" goes before one "lin" that is a user. Who does not exist is taken
 * by the name without the kind.
 *
 * @throws {Failure} when there is such a principal, of another kind.
 */
export async function namePrincipal(
  weir: Weir,
  text: string,
  signal: AbortSignal,
): Promise<string> {
  const [, word = '', name = ''] = /^(user|agent|service):(.+)$/.exec(text) ?? [];
  const kind = kinds[word];
  if (kind === undefined) return text;
  const { items } = await collectPages<Principal>(PRINCIPALS_MAX, async (page) => {
    const answer = await weir.admin.listPrincipals(page, { signal });
    return { items: answer.principals, nextPageToken: answer.nextPageToken };
  });
  if (items.some((each) => each.name === text)) return text;
  const found = items.find((each) => each.name === name);
  if (found === undefined || found.kind === kind) return name;
  throw usageFailure(`The principal ${name} is no ${word}.`, `Name it as --as ${name}.`);
}

/** Reads `name=value`, and adds it to those given before. */
export function parsePair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const equals = text.indexOf('=');
  if (equals > 0) return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
  throw new InvalidArgumentError('Write a name and a value, such as team=sales.');
}

/** Reads an attribute: lists for roles and groups; numbers, true, false and JSON as such; else text. */
export function parseAttribute(
  text: string,
  before: Readonly<Record<string, JsonValue>> = {},
): Readonly<Record<string, JsonValue>> {
  const [[name = '', value = ''] = []] = Object.entries(parsePair(text));
  return { ...before, [name]: LISTS.includes(name) ? listOf(value) : parsedOr(value) };
}

function listOf(text: string): string[] {
  return text.split(',').flatMap((each) => each.trim() || []);
}

function parsedOr(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

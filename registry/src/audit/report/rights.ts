import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { PolicySummary } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import {
  type ApiKey,
  type Principal,
  PrincipalKindSchema,
  Scope,
  ScopeSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { Page, Paged, Reader } from '../../store/store.ts';
import { localNameOf } from '../words.ts';
import { shownTime } from './calls.ts';
import type { Html } from './html.ts';
import { paragraph, table } from './page.ts';
import { filled } from './words/languages.ts';
import type { ReportWords } from './words/words.ts';

/** Principals, keys and policies of a tenant that a report can take in. */
const THINGS_MAX = 10_000;
/** Those that are shown. */
const SHOWN_MAX = 500;
const AT_ONCE = 500;

/** Who may do what at present. */
export interface Rights {
  readonly principals: readonly Principal[];
  readonly keys: readonly ApiKey[];
  readonly policies: readonly PolicySummary[];
}

/** Reads who may do what at present. */
export async function readRights(reader: Reader, tenant: string): Promise<Rights> {
  const keys = await collect((page) => reader.keys(tenant, {}, page));
  return {
    principals: await collect((page) => reader.principals(tenant, page)),
    keys: keys.map(({ key }) => key),
    policies: await collect((page) => reader.policies(tenant, page)),
  };
}

/** Whether a key can be used. */
export function isUsable({ revokeTime, expireTime }: ApiKey, nowMs: number): boolean {
  return !revokeTime && !(expireTime && timestampMs(expireTime) <= nowMs);
}

/** Whether a key can administer a tenant or the platform. */
export function isPrivileged({ scopes }: ApiKey): boolean {
  return scopes.includes(Scope.ADMIN) || scopes.includes(Scope.PLATFORM);
}

/** A table of policies. */
export function policyTable(policies: readonly PolicySummary[], words: ReportWords): Html {
  const { columns, facts, notes } = words;
  const titles = [
    { title: columns.name },
    { title: columns.title },
    { title: columns.version, kind: 'number' as const },
    { title: facts.rules, kind: 'number' as const },
    { title: columns.author },
    { title: columns.since, kind: 'time' as const },
    { title: columns.comment },
  ];
  const rows = policies
    .slice(0, SHOWN_MAX)
    .map((each) => [
      each.name,
      each.title,
      each.version,
      each.rules,
      each.author || 'Weir',
      timeOf(each.createTime),
      each.comment,
    ]);
  return table(titles, rows, notes.nothing);
}

/** A table of keys, never of their secrets. */
export function keyTable(keys: readonly ApiKey[], words: ReportWords): readonly Html[] {
  const { columns, notes } = words;
  const titles = [
    { title: columns.key },
    { title: columns.principal },
    { title: columns.scopes },
    { title: columns.title },
    { title: columns.created, kind: 'time' as const },
    { title: columns.expires, kind: 'time' as const },
    { title: columns.revoked, kind: 'time' as const },
  ];
  const rows = keys
    .slice(0, SHOWN_MAX)
    .map((key) => [
      key.id,
      key.principal,
      key.scopes.map((scope) => localNameOf(ScopeSchema, scope)).join(', '),
      key.title,
      timeOf(key.createTime),
      timeOf(key.expireTime) || words.words.never,
      timeOf(key.revokeTime),
    ]);
  return [table(titles, rows, notes.nothing), ...more(keys.length, words)];
}

/** A table of principals. */
export function principalTable(
  principals: readonly Principal[],
  words: ReportWords,
): readonly Html[] {
  const { columns, notes } = words;
  const titles = [
    { title: columns.principal },
    { title: columns.kind },
    { title: columns.title },
    { title: columns.created, kind: 'time' as const },
    { title: columns.state },
  ];
  const rows = principals
    .slice(0, SHOWN_MAX)
    .map((each) => [
      each.name,
      localNameOf(PrincipalKindSchema, each.kind).toLowerCase(),
      each.title,
      timeOf(each.createTime),
      each.disabled ? words.words.disabled : words.words.enabled,
    ]);
  return [table(titles, rows, notes.nothing), ...more(principals.length, words)];
}

function more(all: number, { notes }: ReportWords): readonly Html[] {
  return all > SHOWN_MAX ? [paragraph(filled(notes.more, { n: all - SHOWN_MAX }))] : [];
}

function timeOf(time: ApiKey['createTime']): string {
  return shownTime(time && timestampMs(time));
}

async function collect<T>(read: (page: Page) => Promise<Paged<T>>): Promise<T[]> {
  const items: T[] = [];
  let page: Page | undefined = { size: AT_ONCE };
  while (page && items.length < THINGS_MAX) {
    const found: Paged<T> = await read(page);
    items.push(...found.items);
    page = found.after && { size: AT_ONCE, after: found.after };
  }
  return items;
}

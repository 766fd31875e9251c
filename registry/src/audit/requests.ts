import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { callerOf, parseName, requireScope } from '@weir/kit';
import type { RecordFilter } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { EffectSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { malformed } from '../refusals.ts';
import type { RecordMatch } from './terms.ts';

const FIELD_CHARS_MAX = 2048;
/** How a filter names the records of nobody. */
const NOBODY = '-';
const DAY_MS = 86_400_000;
const TIME_MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

const words = [
  'principal',
  'consumer',
  'credential',
  'method',
  'type',
  'key',
  'provider',
  'rule',
  'requestId',
  'purpose',
] as const;

/** The tenant whose records a caller may read: its own, or, with SCOPE_PLATFORM, any it names. */
export function auditedTenant(context: HandlerContext, named: string): string {
  const caller = callerOf(context);
  if (named === NOBODY) {
    requireScope(caller, Scope.PLATFORM);
    return '';
  }
  const tenant = named === '' ? caller.tenant : parseName('tenant', named);
  requireScope(caller, tenant === caller.tenant ? Scope.ADMIN : Scope.PLATFORM);
  return tenant;
}

/** Reads which records are wanted, of a tenant that the caller may read. */
export function parseMatch(
  filter: RecordFilter | undefined,
  { tenant, nowMs }: { readonly tenant: string; readonly nowMs: number },
): RecordMatch {
  const times = parseTimes(filter, { nowMs, lastMs: DAY_MS });
  const wanted = Object.fromEntries(words.map((name) => [name, parseWord(name, filter)]));
  const effect = filter?.effect ?? 0;
  if (!EffectSchema.value[effect]) throw malformed('filter.effect', `${effect} is not an effect`);
  return { ...(wanted as Pick<RecordMatch, (typeof words)[number]>), ...times, tenant, effect };
}

/** Reads a span of time: up to now, and `lastMs` before that, when it is not said. */
export function parseTimes(
  span: Pick<RecordFilter, 'from' | 'to'> | undefined,
  { nowMs, lastMs }: { readonly nowMs: number; readonly lastMs: number },
): { readonly fromMs: number; readonly toMs: number } {
  const toMs = parseTime('to', span?.to) ?? nowMs;
  const fromMs = parseTime('from', span?.from) ?? Math.max(0, toMs - lastMs);
  if (fromMs > toMs) throw malformed('from', 'is after "to"; swap them');
  return { fromMs, toMs };
}

/** Reads a time; undefined: it is absent. */
export function parseTime(field: string, time: Timestamp | undefined): number | undefined {
  if (!time) return undefined;
  const ms = timestampMs(time);
  if (ms >= 0 && ms <= TIME_MAX_MS) return ms;
  throw malformed(field, 'is not between the years 1970 and 9999');
}

function parseWord(name: (typeof words)[number], filter: RecordFilter | undefined): string {
  const word = filter?.[name] ?? '';
  if (word.length <= FIELD_CHARS_MAX) return word;
  throw malformed(`filter.${name}`, `is longer than ${FIELD_CHARS_MAX} characters`);
}

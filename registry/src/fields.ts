import type { JsonObject } from '@bufbuild/protobuf';
import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { CatalogueFilter } from '@weir/sdk/gen/weir/registry/v1/registry_pb';
import {
  type Limits,
  PrincipalKind,
  PrincipalKindSchema,
} from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { createChecker } from './manifest/check.ts';
import { pathText } from './manifest/fault.ts';
import { jsonFault } from './manifest/json-fault.ts';
import { checkLimits } from './manifest/limits.ts';
import { malformed } from './refusals.ts';
import type { Filter } from './store/store.ts';

const LINE_CHARS_MAX = 200;
const COMMENT_CHARS_MAX = 500;
const SEARCH_WORDS_MAX = 8;
const ATTRIBUTES_MAX_BYTES = 16 * 1024;
const DAY_MS = 86_400_000;
/** How long records of calls can be kept: 1 day to 10 years. */
const RETENTION_MS = { min: DAY_MS, max: 3650 * DAY_MS };
const ID = /^[0-9a-z]{1,64}$/;

/** One line of text for people. */
export function parseLine(field: string, value: string): string {
  if (value.length > LINE_CHARS_MAX) {
    throw malformed(field, `longer than ${LINE_CHARS_MAX} characters; shorten it`);
  }
  if (/\p{Cc}/u.test(value) || !value.isWellFormed()) {
    throw malformed(field, 'holds a control character or half a surrogate pair; leave it out');
  }
  return value;
}

/** Why something was done, for people. */
export function parseComment(field: string, value: string): string {
  const check = createChecker();
  check.prose([], value, COMMENT_CHARS_MAX);
  const [fault] = check.faults;
  if (fault) throw malformed(field, fault.text);
  return value;
}

/** What to find in a catalogue. */
export function parseFilter(filter: CatalogueFilter | undefined): Filter {
  if (!filter) return {};
  const text = parseLine('filter.text', filter.text).trim();
  const words = text === '' ? [] : text.split(/\s+/u);
  if (words.length > SEARCH_WORDS_MAX) {
    throw malformed('filter.text', `more than ${SEARCH_WORDS_MAX} words; use fewer`);
  }
  return {
    words,
    tag: parseLine('filter.tag', filter.tag),
    type: parseLine('filter.type', filter.type),
    category: parseLine('filter.category', filter.category),
  };
}

/** Attributes of a principal. */
export function parseAttributes(attributes: JsonObject | undefined): JsonObject | undefined {
  const fault = jsonFault(attributes ?? {});
  if (fault) throw malformed('attributes', fault);
  const size = Buffer.byteLength(JSON.stringify(attributes ?? {}));
  if (size > ATTRIBUTES_MAX_BYTES) {
    throw malformed('attributes', `larger than ${ATTRIBUTES_MAX_BYTES / 1024} KiB; shorten them`);
  }
  return attributes;
}

/** Whether a text can be an id that the registry chose. */
export function isId(value: string): boolean {
  return ID.test(value);
}

/** An etag, which updates must give. */
export function parseEtag(field: string, value: string): string {
  if (value !== '') return value;
  throw refuse(
    Reason.MALFORMED_REQUEST,
    `${field} is missing; get the current state and give its etag back`,
    { violations: [{ field, description: 'is missing' }] },
  );
}

/** What a principal is; it has to be stated. */
export function parseKind(field: string, kind: PrincipalKind): PrincipalKind {
  if (kind !== PrincipalKind.UNSPECIFIED && PrincipalKindSchema.value[kind]) return kind;
  throw malformed(field, 'say what the principal is: a user, an agent or a service');
}

/** How much somebody may take. */
export function parseLimits(field: string, limits: Limits | undefined): void {
  const check = createChecker();
  checkLimits(check, limits, []);
  const [fault] = check.faults;
  if (fault) throw malformed(`${field}.${pathText(fault.path)}`, fault.text);
}

/** How long records of calls are kept, in whole seconds. Absent: as long as is the default. */
export function parseRetention(field: string, retention: Duration | undefined): void {
  if (!retention) return;
  const ms = durationMs(retention);
  const fits = ms >= RETENTION_MS.min && ms <= RETENTION_MS.max && retention.nanos === 0;
  if (!fits) throw malformed(field, 'has to be 1 day to 10 years, in whole seconds');
}

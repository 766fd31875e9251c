import { refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { LimitName, Subject, SubjectKind } from './subjects.ts';

const whose: Readonly<Record<SubjectKind, string>> = {
  tenant: 'your tenant',
  principal: 'you',
  consumer: 'your consumer',
  provider: 'the provider',
};

const what: Readonly<Record<LimitName, string>> = {
  items_per_second: 'items in a second',
  bytes_per_second: 'bytes in a second',
  items_per_day: 'items in a day of UTC',
  bytes_per_day: 'bytes in a day of UTC',
};

/** More than the limit lets through at present. */
export function beyond({ kind, id }: Subject, name: LimitName, retryDelayMs: number): WeirError {
  const text = `that is more ${what[name]} than ${nameOf(kind, id)} may ${verb(kind)}; try again after the delay`;
  return refuse(reasonOf(name), text, {
    retryDelayMs: Math.ceil(retryDelayMs),
    metadata: { limit: name, of: kind },
  });
}

/** More than the limit ever lets through at once. */
export function neverFits({ kind, id }: Subject, name: LimitName, most: number): WeirError {
  const text = `${nameOf(kind, id)} may ${verb(kind)} ${most} ${what[name]} at most, and the call asks for more; ask for less at once`;
  return refuse(reasonOf(name), text, { metadata: { limit: name, of: kind } });
}

function reasonOf(name: LimitName): Reason {
  return name.endsWith('_per_day') ? Reason.QUOTA_EXCEEDED : Reason.RATE_EXCEEDED;
}

function verb(kind: SubjectKind): string {
  return kind === 'provider' ? 'be asked for' : 'take';
}

/** Providers are named, as in every refusal of theirs. */
function nameOf(kind: SubjectKind, id: string): string {
  return kind === 'provider' ? `provider ${id.split('/')[2]}` : whose[kind];
}

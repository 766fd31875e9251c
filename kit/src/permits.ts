import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse } from './errors.ts';

/** What a permit can be for: the actions that SCOPE_READ and SCOPE_CALL are about. */
const permitActions = ['fetch', 'list', 'subscribe', 'call'] as const;

const any = '*';
/** Context types and topics; of calls the names of operations. */
const typePattern = /^(?:[A-Z][A-Za-z0-9]{0,62}|[a-z0-9][a-z0-9_.-]{0,254}|\*)$/;
const operationPattern = /^(?:[A-Za-z0-9_.-]{1,128}|\*)$/;

/** A permit in its parts; `*` stands for every action, or every type. */
export interface Permit {
  readonly action: string;
  readonly type: string;
}

/** Splits a permit such as "fetch:DocChunk" or "list:*"; undefined: it is none. */
export function readPermit(text: string): Permit | undefined {
  const [, action = '', type = ''] = /^([^:]*):([^:]*)$/.exec(text) ?? [];
  const form = action === 'call' ? operationPattern : typePattern;
  const known = action === any || permitActions.some((one) => one === action);
  return known && form.test(type) ? { action, type } : undefined;
}

/** Parses a permit. Throws MALFORMED_REQUEST naming the field. */
export function parsePermit(field: string, text: string): string {
  if (readPermit(text)) return text;
  const shown = JSON.stringify(text.slice(0, 80)).toWellFormed();
  const description = `${shown} is not a permit; write <action>:<type>, such as fetch:DocChunk or list:*, with one of the actions ${permitActions.join(', ')} and *`;
  throw refuse(Reason.MALFORMED_REQUEST, `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}

/**
 * Whether permits allow an action on a type. None allow everything; one that cannot be read allows
 * nothing.
 */
export function permitsAllow(permits: readonly string[], action: string, type: string): boolean {
  if (permits.length === 0) return true;
  const allowing = [`${action}:${type}`, `${action}:${any}`, `${any}:${type}`, `${any}:${any}`];
  return allowing.some((permit) => permits.includes(permit));
}

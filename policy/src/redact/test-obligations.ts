import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Obligations } from '../model.ts';
import type { Redactor } from './model.ts';
import { createRedactor } from './redactor.ts';

/** One obligation, for tests. */
export type Duty = NonNullable<MessageInitShape<typeof ObligationSchema>['kind']>;

/** Obligations as the engine makes them, of what a test says. */
export function obligationsOf(...kinds: Duty[]): Obligations {
  return {
    id: JSON.stringify(kinds),
    list: kinds.map((kind) => create(ObligationSchema, { kind })),
    maxAgeMs: undefined,
    purposes: [],
    changesValues: true,
  };
}

/** A redactor for tests, of a type whose schema tags addresses of e-mail as "pii". */
export function redactorOf(...kinds: Duty[]): Redactor {
  return createRedactor(obligationsOf(...kinds), {
    tagged: (tag) => (tag === 'pii' ? ['/email', '/people/*/email'] : []),
    hashKey: testHashKey,
  });
}

/** A key for hashes, for tests. */
export const testHashKey: Uint8Array = new Uint8Array(32).fill(7);

const at = (pointers: string[]) => ({ pointers });

/** Masks pointers. */
export const mask = (...pointers: string[]): Duty => ({
  case: 'mask',
  value: { fields: at(pointers) },
});

/** Masks one pointer but for some last characters. */
export const maskBut = (keepLast: number, ...pointers: string[]): Duty => ({
  case: 'mask',
  value: { fields: at(pointers), keepLast },
});

/** Makes hashes of pointers. */
export const hash = (...pointers: string[]): Duty => ({
  case: 'hash',
  value: { fields: at(pointers) },
});

/** Drops pointers. */
export const drop = (...pointers: string[]): Duty => ({
  case: 'drop',
  value: { fields: at(pointers) },
});

/** Cuts the texts at pointers. */
export const truncate = (characters: number, ...pointers: string[]): Duty => ({
  case: 'truncate',
  value: { fields: at(pointers), characters },
});

/** Searches the whole with detectors. */
export const redact = (...detectors: string[]): Duty => ({ case: 'redact', value: { detectors } });

/** Searches one field with detectors. */
export const redactAt = (pointer: string, ...detectors: string[]): Duty => ({
  case: 'redact',
  value: { detectors, fields: at([pointer]) },
});

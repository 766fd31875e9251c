import { create } from '@bufbuild/protobuf';
import { ObligationSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { expect, test } from 'vitest';
import type { Obligations } from '../model.ts';
import { createRedactor } from './redactor.ts';

/** So many obligations that all have one field searched, each with another field of its own. */
function searches(count: number): Obligations {
  const list = Array.from({ length: count }, (_, i) =>
    create(ObligationSchema, {
      kind: {
        case: 'redact',
        value: { fields: { pointers: ['/text', `/other${i}`] }, detectors: ['email', 'secret'] },
      },
    }),
  );
  return { id: `${count}`, list, maxAgeMs: undefined, purposes: [], changesValues: true };
}

const options = { tagged: () => [], hashKey: new Uint8Array(32) };
const large = Buffer.from(JSON.stringify({ text: 'no address here, nor a key. '.repeat(70_000) }));

test('a value that would be searched too often is refused, and not given out', () => {
  expect(createRedactor(searches(3), options).value(large, 'application/json')).toBeDefined();
  expect(createRedactor(searches(300), options).value(large, 'application/json')).toBeUndefined();
});

test('a small one is searched as often as obligations ask', () => {
  const small = Buffer.from(JSON.stringify({ text: 'lin@example.com' }));
  const made = createRedactor(searches(300), options).value(small, 'application/json');
  expect(Buffer.from(made?.payload ?? []).toString()).toBe('{"text":"[email]"}');
});

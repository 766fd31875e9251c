import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { nameStream, parseStream } from './call-streams.ts';
import { createRouterIds } from './router-ids.ts';

const secret = new Uint8Array(randomBytes(32));
const one = createRouterIds(secret);
const other = createRouterIds(secret);

test('an id names its router, and is good for nothing else than what it was made for', () => {
  const id = one.write('question', 'session');
  expect(other.madeBy(id, 'question', 'session')).toBe(one.own);
  expect(other.madeBy(id, 'question', 'another')).toBeUndefined();
  expect(other.madeBy(id, 'stream', 'session')).toBeUndefined();
  const foreign = createRouterIds(new Uint8Array(randomBytes(32)));
  expect(foreign.madeBy(id, 'question', 'session')).toBeUndefined();
  for (let at = 0; at < id.length; at++) {
    const altered = `${id.slice(0, at)}${id[at] === 'A' ? 'B' : 'A'}${id.slice(at + 1)}`;
    expect(one.madeBy(altered, 'question', 'session')).toBeUndefined();
  }
  for (const none of ['', '.', '..', `${id}.`, `${id} `, 'x'.repeat(10_000)]) {
    expect(one.madeBy(none, 'question', 'session')).toBeUndefined();
  }
});

test('the name of a stream has the id of its request, whatever that is', () => {
  for (const requestId of [0, -1, 7, 'a', '', 'é💡"\\_.', '7']) {
    const name = nameStream(one, 'session', requestId) ?? expect.unreachable();
    expect(name).toMatch(/^[\w.-]+$/);
    expect(parseStream(other, 'session', name)).toEqual({ id: name, router: one.own, requestId });
    expect(parseStream(other, 'another', name)).toBeUndefined();
    expect(parseStream(other, 'session', `${name}A`)).toBeUndefined();
  }
  expect(nameStream(one, 'session', 'x'.repeat(300))).toBeUndefined();
  for (const none of ['', 'a', '....', one.write('question', 'session')]) {
    expect(parseStream(one, 'session', none)).toBeUndefined();
  }
});

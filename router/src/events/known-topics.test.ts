import { create } from '@bufbuild/protobuf';
import { StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { expect, test } from 'vitest';
import { createKnownTopics, LOOKED_BACK_EVENTS, SEEN_TOPICS_MAX } from './known-topics.ts';
import { createTestLog } from './test-log.ts';

const never = new AbortController().signal;

function open() {
  const log = createTestLog();
  const known = createKnownTopics(log);
  const saw = (topic: string) =>
    known.saw('acme', create(StoredEventSchema, { position: 1n, event: { topic } }));
  return { log, known, saw };
}

test('topics of before are looked for in the last events of the log, once', async () => {
  const { log, known, saw } = open();
  log.add(1, 1, 'too.old');
  log.add(1, 1, 'just.kept');
  log.add(LOOKED_BACK_EVENTS - 1, 1, 'page.updated');
  saw('build.done');
  const wanted = ['build.done', 'just.kept', 'page.updated'];
  expect(await known.of('acme', never)).toEqual(wanted);
  log.isAway = true;
  expect(await known.of('acme', never)).toEqual(wanted);
  expect([log.streams, log.asked]).toEqual([0, 2]);
});

test('while the log is away nothing is said, rather than too little', async () => {
  const { log, known, saw } = open();
  saw('build.done');
  log.isAway = true;
  await expect(known.of('acme', never)).rejects.toThrow('it is away');
  log.isAway = false;
  expect(await known.of('acme', never)).toEqual(['build.done']);
});

test('a log that was pruned is looked through as far as it is kept', async () => {
  const { log, known } = open();
  log.add(5, 1, 'too.old');
  log.add(3, 1, 'page.updated');
  log.prune(3);
  expect(await known.of('acme', never)).toEqual(['page.updated']);
  log.prune(0);
  expect(await createKnownTopics(log).of('acme', never)).toEqual([]);
});

test('so many are remembered: those on which something came last', async () => {
  const { known, saw } = open();
  for (let index = 0; index < SEEN_TOPICS_MAX; index++) saw(`t.${index}`);
  saw('t.0');
  saw('one.more');
  const topics = await known.of('acme', never);
  expect(topics).toHaveLength(SEEN_TOPICS_MAX);
  expect([topics.includes('t.0'), topics.includes('t.1')]).toEqual([true, false]);
});

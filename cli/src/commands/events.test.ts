import { on, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createWeir } from '@weir/sdk';
import { Start } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { openStandalone, readStandaloneConfig, type Standalone } from '@weir/standalone';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ran, runWeir, type World } from '../../test/run-weir.ts';
import { run } from '../run.ts';

let folder: string;
let opened: Standalone;

// The whole of Weir, with its own documents.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  await writeFile(join(folder, 'guide.md'), '# Guide\n\nRead it.\n');
  opened = await openAt('0');
}, 60_000);

function openAt(port: string): Promise<Standalone> {
  const own = { WEIR_PORT: port, WEIR_OPS_PORT: '0', WEIR_DOCS_DIR: folder };
  return openStandalone(readStandaloneConfig({ ...own, WEIR_DATA_DIR: join(folder, '.weir') }));
}

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const env = () => ({ WEIR_URL: opened.url, WEIR_KEY: opened.key });

function weir(args: readonly string[], world: World = {}): Promise<Ran> {
  return runWeir(args, { env: env(), cwd: folder, ...world });
}

/** A subscription as somebody at a screen has it. */
function watch(topic: string, url = opened.url) {
  const user = new AbortController();
  const [screen, errors] = [new PassThrough(), new PassThrough()].map((stream) =>
    stream.setEncoding('utf8'),
  ) as [PassThrough, PassThrough];
  const lines = on(screen, 'data');
  let err = '';
  errors.on('data', (text) => {
    err += text;
  });
  const running = run(['subscribe', topic, '--from', 'earliest'], {
    ...{
      env: { ...env(), WEIR_URL: url },
      cwd: folder,
      stdin: async () => '',
      signal: user.signal,
    },
    terminal: {
      out: (text) => void screen.write(text),
      outBytes: async () => {},
      err: (text) => void errors.write(text),
      color: false,
    },
  });
  return {
    next: async (): Promise<string> => (await lines.next()).value?.[0] ?? '',
    told: () => once(errors, 'data'),
    async interrupt() {
      user.abort();
      const code = await running;
      return { code, err };
    },
  };
}

function openClient() {
  const client = createWeir({ url: opened.url, key: opened.key });
  return { events: client.events, [Symbol.dispose]: () => client.close() };
}

const linesOf = ({ out }: Pick<Ran, 'out'>) => out.trimEnd().split('\n');

describe('weir publish', () => {
  test('writes the id, and what was published comes to who subscribes', async () => {
    const data = '{"title":"Home"}';
    const told = ['--label', 'site=main', '--id', 'first', '--ref', 'DocChunk/guide.md#guide'];
    const published = await weir([
      'publish',
      'page.made',
      '--key',
      'home',
      '--data',
      data,
      ...told,
    ]);
    expect(published).toEqual({ code: 0, out: 'first\n', err: '' });
    const ran = await weir(['subscribe', 'page.made', '--from', 'earliest', '--count', '1']);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}page\.made {2}home {2}\{"title":"Home"\}\n$/,
    );
    const json = await weir([
      'subscribe',
      'page.made',
      '--from',
      'earliest',
      '--count=1',
      '--json',
    ]);
    expect(linesOf(json)).toHaveLength(1);
    expect(JSON.parse(json.out)).toMatchObject({
      event: {
        ...{ topic: 'page.made', key: 'home', id: 'first', value: { title: 'Home' } },
        ...{ labels: { site: 'main' }, sensitivity: 'SENSITIVITY_INTERNAL' },
        refs: [{ type: 'DocChunk', key: 'guide.md#guide' }],
      },
      withheld: false,
      redacted: false,
      cursor: expect.any(String),
    });
  });

  test('takes data from a file and from standard input', async () => {
    await writeFile(join(folder, 'line.txt'), 'from a file');
    const text = ['--content-type', 'text/plain'];
    await weir(['publish', 'log.line', '--data', '@line.txt', ...text]);
    const json = await weir(['publish', 'log.line', '--data', '-', '--json'], { stdin: '[1]' });
    expect(JSON.parse(json.out)).toEqual({
      ids: [expect.any(String)],
      consistencyToken: expect.any(String),
    });
    const ran = await weir(['subscribe', 'log.*', '--from', 'earliest', '--count', '2']);
    expect(linesOf(ran)).toEqual([
      expect.stringMatching(/ {2}log\.line {4}from a file$/),
      expect.stringMatching(/ {2}log\.line {4}\[1\]$/),
    ]);
  });

  test.each([
    [['page updated'], 'events[0].topic is no topic'],
    [['page.updated', '--data', '{'], 'The data is no JSON.'],
    [['page.updated', '--ref', 'guide.md'], 'The ref "guide.md" has no key'],
    [['page.updated', '--label', 'a'], 'Write NAME=VALUE.'],
    [['page.updated', '--data', '@nowhere'], 'The file nowhere does not exist.'],
  ])('says what is wrong with %j', async (args, text) => {
    const ran = await weir(['publish', ...args]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(text);
  });
});

describe('weir subscribe', () => {
  test('brings the items of refs, and goes on from a cursor', async () => {
    await weir(['publish', 'doc.updated', '--key', 'one', '--ref', 'DocChunk/guide.md#guide']);
    await weir(['publish', 'doc.updated', '--key', 'two']);
    const first = ['subscribe', 'doc.*', '--from', 'earliest', '--fetch', '--count', '2'];
    const shown = await weir(first);
    expect(shown.out).toMatch(/ {2}doc\.updated {2}one\n {2}ok DocChunk\/guide\.md#guide\n/);
    expect(shown.out).toContain('Read it.');
    const [, cursor = ''] = /^Go on with --cursor (\S+)\n$/.exec(shown.err) ?? [];
    await weir(['publish', 'doc.updated', '--key', 'three']);
    const next = await weir(['subscribe', 'doc.*', '--cursor', cursor, '--count', '1']);
    expect(next.out).toMatch(/ {2}three\n$/);
  });

  test('ends when the user interrupts, and says where to go on', async () => {
    const ticks = watch('tick');
    await weir(['publish', 'tick', '--key', 'a']);
    expect(await ticks.next()).toMatch(/ {2}tick {2}a\n$/);
    const { code, err } = await ticks.interrupt();
    expect(code).toBe(130);
    expect(err).toMatch(/^Go on with --cursor \S+\nweir: interrupted\n$/);
  });

  test('outlives a Weir that starts anew', async () => {
    const rings = watch('ring');
    await weir(['publish', 'ring', '--key', 'before']);
    expect(await rings.next()).toMatch(/ {2}before\n$/);
    await opened[Symbol.asyncDispose]();
    opened = await openAt(new URL(opened.url).port);
    await weir(['publish', 'ring', '--key', 'after']);
    expect(await rings.next()).toMatch(/ {2}after\n$/);
    const { code, err } = await rings.interrupt();
    expect(code).toBe(130);
    expect(err).toContain('; trying again\n');
  }, 60_000);

  test.each([
    [['Page'], 2, 'topics[0] is no topic'],
    [['*', '--cursor', 'mine'], 2, 'cursor is malformed'],
    [['*', '--from', 'yesterday'], 2, 'Allowed choices are latest, earliest'],
    [['*', '--count', '0'], 2, 'Write a whole number from 1'],
  ])('says what is wrong with %j', async (args, code, text) => {
    const ran = await weir(['subscribe', ...args]);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toContain(text);
  });

  test('says to programs what is wrong, in JSON', async () => {
    const ran = await weir(['subscribe', 'Page', '--json']);
    expect(JSON.parse(ran.err).error).toMatchObject({ reason: 'INVALID_NAME', exitCode: 2 });
  });

  test('tells of a Weir that cannot be reached, and tries again', async () => {
    const nothing = watch('tick', 'http://127.0.0.1:1');
    await nothing.told();
    const { code, err } = await nothing.interrupt();
    expect(code).toBe(130);
    expect(err).toMatch(/; trying again\nweir: interrupted\n$/);
  });

  test('completes places and refs', async () => {
    const complete = async (...words: string[]) =>
      linesOf(await weir(['__complete', '--', ...words]));
    expect(await complete('subscribe', '--from', '')).toEqual(['latest', 'earliest']);
    expect(await complete('publish', 'a', '--ref', 'DocChunk/g')).toContainEqual(
      expect.stringMatching(/^DocChunk\/guide\.md#guide\t/),
    );
  });
});

describe('weir pull', () => {
  test('takes events off a group, each once', async () => {
    for (const key of ['one', 'two', 'three']) await weir(['publish', 'job.made', '--key', key]);
    const first = await weir(['pull', 'jobs', 'job.*', '--from', 'earliest', '--count', '1']);
    expect([first.code, first.err]).toEqual([0, '']);
    expect(first.out).toMatch(/ {2}job\.made {2}one\n$/);
    const rest = await weir(['pull', 'jobs', '--count', '2', '--json']);
    const keys = linesOf(rest).map((line) => JSON.parse(line).event.key);
    expect(keys).toEqual(['two', 'three']);
  });

  test('gives dead letters back, once each, and ends', async () => {
    for (const key of ['one', 'two', 'three']) await weir(['publish', 'task.made', '--key', key]);
    using client = openClient();
    const all = { group: 'tasks', topics: ['task.*'], start: Start.EARLIEST, maxAttempts: 1 };
    const die = async () => {
      const { events } = await client.events.pull(all);
      const giveBack = events.map(({ ackId }) => ({ ackId }));
      if (giveBack.length > 0) await client.events.ack({ group: 'tasks', giveBack });
      return events.map(({ event, attempt }) => [event?.event?.key, attempt]);
    };
    const each = (...keys: string[]) => keys.map((key) => [key, 1]);
    expect(await die()).toEqual(each('one', 'two', 'three'));
    expect(await die()).toEqual([]);
    const one = await weir(['pull', 'tasks', '--dead', '--requeue', '--count', '1']);
    expect(one).toMatchObject({ code: 0, err: '' });
    expect(linesOf(one)).toEqual([expect.stringMatching(/ {2}task\.made {2}one$/)]);
    expect(await die()).toEqual(each('one'));
    // Without --dead it is the same.
    const rest = await weir(['pull', 'tasks', '--requeue', '--json']);
    const keys = linesOf(rest).map((line) => JSON.parse(line).event.key);
    expect(keys.toSorted()).toEqual(['one', 'three', 'two']);
    expect(await die()).toEqual(each('one', 'two', 'three'));
    const { deadLetters } = await client.events.pull({ group: 'tasks' });
    expect(deadLetters).toBe(3);
  });

  test.each([
    [['jobs', '--requeue', '--reset'], 2, "'--requeue' cannot be used with option '--reset'"],
    [['others', '--requeue'], 1, 'there is no group others of yours'],
    [['Jobs', 'job.*'], 2, 'group is not the name of a group'],
    [['others'], 2, 'topics has 0 entries'],
    [['jobs', 'log.*'], 1, 'the group jobs is for the topics job.*'],
    [['others', '--dead'], 1, 'there is no group others of yours'],
  ])('says what is wrong with %j', async (args, code, text) => {
    const ran = await weir(['pull', ...args]);
    expect(ran).toMatchObject({ code, out: '' });
    expect(ran.err).toContain(text);
  });
});

test('asyncapi writes a document of the topics, as JSON', async () => {
  await weir(['publish', 'asked.for']);
  const { code, out } = await weir(['asyncapi']);
  expect([code, Object.keys(JSON.parse(out).channels)]).toEqual([
    0,
    expect.arrayContaining(['asked.for']),
  ]);
});

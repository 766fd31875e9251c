import { appendFile, copyFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '@weir/sdk';
import { openTestProvider } from '@weir/sdk/testing';
import { expect, test } from 'vitest';
import { openConformance } from '../testing/conforms.ts';
import { openTestFolder } from '../testing/folder.ts';
import { logsProvider } from './provider.ts';

interface Entry {
  readonly key: string;
  readonly title: string;
}

/** A log file in a folder of its own, and a provider that follows it. */
async function openLog(content?: string | Uint8Array) {
  const folder = await openTestFolder(content === undefined ? {} : { 'app.log': content });
  const file = join(folder.path, 'app.log');
  const ready = logsProvider({ file, refreshMs: 0 });
  const logs = openTestProvider(ready.provider);
  const list = async (query = {}): Promise<readonly Entry[]> =>
    (await logs.list('LogEntry', { pageSize: 500, ...query })).entries;
  const titles = async (query = {}) => (await list(query)).map(({ title }) => title);
  return {
    file,
    logs,
    list,
    titles,
    async [Symbol.asyncDispose]() {
      await ready[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const line = (msg: string, level = 30) =>
  `${JSON.stringify({ level, time: 1_795_168_200_000, msg })}\n`;

test('entries are listed newest first, and each conforms to LogEntry', async () => {
  const conforms = await openConformance('LogEntry');
  await using log = await openLog(`${line('one')}${line('two', 50)}\nplain three\n`);
  expect(await log.titles()).toEqual(['plain three', 'two', 'one']);
  for (const { key } of await log.list()) {
    const { value } = await log.logs.fetch('LogEntry', key);
    conforms(value);
    expect(value).toMatchObject({ id: key });
  }
});

test('a value says where it stands and may be kept for long', async () => {
  await using log = await openLog(line('one') + line('two', 50));
  const [two, one] = await log.list();
  const content = await log.logs.fetch('LogEntry', two?.key ?? '');
  expect(content.value).toMatchObject({
    body: 'two',
    severityNumber: 17,
    source: { log: 'app.log', offset: 46, previous: one?.key },
  });
  expect(content).toMatchObject({ source: 'app.log:46', labels: { severity: 'error' } });
  const [offer] = logsProvider({ file: log.file }).provider.contexts;
  expect(offer).toMatchObject({ ttlMs: 86_400_000, scope: 'tenant', sensitivity: 'confidential' });
});

test('what is appended is seen; half a line is not', async () => {
  await using log = await openLog(line('one'));
  expect(await log.titles()).toEqual(['one']);
  await appendFile(log.file, `${line('two')}{"msg":"thr`);
  expect(await log.titles()).toEqual(['two', 'one']);
  await appendFile(log.file, 'ee"}\n');
  expect(await log.titles()).toEqual(['three', 'two', 'one']);
});

test('a key stays the same in another process, and while the file grows', async () => {
  await using log = await openLog(line('one') + line('two'));
  const [two] = await log.list();
  await appendFile(log.file, line('three'));
  await using other = logsProvider({ file: log.file });
  const { value } = await openTestProvider(other.provider).fetch('LogEntry', two?.key ?? '');
  expect(value).toMatchObject({ body: 'two' });
});

test('rotation loses nothing, and old keys keep their meaning', async () => {
  await using log = await openLog(line('one'));
  const [one] = await log.list();
  await appendFile(log.file, `${line('two')}${line('three').trimEnd()}`);
  await rename(log.file, `${log.file}.1`);
  expect(await log.titles()).toEqual(['two', 'one']);
  await writeFile(log.file, line('four'));
  expect(await log.titles()).toEqual(['four', 'three', 'two', 'one']);
  expect((await log.logs.fetch('LogEntry', one?.key ?? '')).value).toMatchObject({ body: 'one' });
  const [four] = await log.list();
  expect(four?.key.split('-')[1]).toBe('0');
  expect(four?.key).not.toBe(one?.key);
});

test('a file that is copied and emptied begins anew', async () => {
  await using log = await openLog(line('one') + line('two'));
  await log.list();
  await copyFile(log.file, `${log.file}.1`);
  await truncate(log.file, 0);
  await appendFile(log.file, line('after') + line('the') + line('emptying'));
  expect(await log.titles()).toEqual(['emptying', 'the', 'after', 'two', 'one']);
});

test('a file may come later, and go', async () => {
  await using log = await openLog();
  expect(await log.titles()).toEqual([]);
  expect(await log.logs.query('LogEntry', 'app.log@12345678-0')).toEqual({ kind: 'not-found' });
  await writeFile(log.file, line('one'));
  expect(await log.titles()).toEqual(['one']);
  await rm(log.file);
  expect(await log.titles()).toEqual(['one']);
});

test('words, severities and prefixes narrow the list', async () => {
  await using log = await openLog(
    line('disk is full', 50) + line('disk is fine') + line('error counted') + line('all well', 40),
  );
  expect(await log.titles({ text: 'DISK' })).toEqual(['disk is fine', 'disk is full']);
  expect(await log.titles({ text: 'disk error' })).toEqual(['disk is full']);
  expect(await log.titles({ text: 'error' })).toEqual(['error counted', 'disk is full']);
  expect(await log.titles({ text: 'warn' })).toEqual(['all well']);
  expect(await log.titles({ keyPrefix: 'other.log' })).toEqual([]);
});

test.each([{ text: '' }, { text: 'even' }])(
  'pages of "$text" neither repeat nor skip while the log grows',
  async ({ text }) => {
    const lines = Array.from({ length: 25 }, (_, index) =>
      line(`${index} ${index % 2 ? 'odd' : 'even'}`),
    );
    await using log = await openLog(lines.join(''));
    const all = await log.titles({ text });
    const paged: string[] = [];
    let pageToken = '';
    do {
      const page = await log.logs.list('LogEntry', { text, pageSize: 4, pageToken });
      paged.push(...page.entries.map(({ title }) => title));
      pageToken = page.nextPageToken;
      await appendFile(log.file, line('late even'));
    } while (pageToken !== '');
    expect(paged).toEqual(all);
  },
);

test('only the end of a long log is kept', async () => {
  const lines = Array.from({ length: 12_000 }, (_, index) => line(`n${index}`));
  await using log = await openLog(lines.join(''));
  expect(await log.titles({ text: 'n11999' })).toEqual(['n11999']);
  expect(await log.titles({ text: 'n2000' })).toEqual(['n2000']);
  expect(await log.titles({ text: 'n1999' })).toEqual([]);
});

test('of a large log only the last 16 MiB are read, from the beginning of a line', async () => {
  const text = 'x'.repeat(10_000);
  const lines = Array.from({ length: 2_500 }, (_, index) => `${index} ${text}\n`);
  await using log = await openLog(lines.join(''));
  const entries = await log.list();
  expect(entries[0]?.title).toMatch(/^2499 /);
  const kept: string[] = [];
  for (let pageToken = ''; ; ) {
    const page = await log.logs.list('LogEntry', { pageSize: 500, pageToken });
    kept.push(...page.entries.map(({ title }) => title));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  expect(kept.length).toBeGreaterThan(1_600);
  expect(kept.length).toBeLessThan(1_700);
  for (const title of kept) expect(title).toMatch(/^\d+ x/);
});

test('an endless line is cut', async () => {
  await using log = await openLog(`${line('before')}${'y'.repeat(200_000)}\n${line('after')}`);
  expect(await log.titles()).toEqual(['after', expect.stringMatching(/^y+…$/), 'before']);
  const [, long] = await log.list();
  const { value } = await log.logs.fetch('LogEntry', long?.key ?? '');
  expect(value).toMatchObject({ body: 'y'.repeat(65_536), attributes: { 'log.truncated': true } });
});

test('bytes that are no text do no harm', async () => {
  await using log = await openLog(
    Buffer.concat([Buffer.from([0xff, 0xfe, 0x80, 0x0a]), Buffer.from(line('after'))]),
  );
  expect(await log.list()).toHaveLength(2);
});

test('what is no file is said', async () => {
  await using folder = await openTestFolder({ 'app.log/inside': '' });
  await using ready = logsProvider({ file: join(folder.path, 'app.log'), refreshMs: 0 });
  expect(await openTestProvider(ready.provider).query('LogEntry', 'app.log@1-0')).toMatchObject({
    kind: 'failure',
    code: Code.Unavailable,
    text: 'the log cannot be read (EISDIR)',
  });
  expect(() => logsProvider({ file: '/' })).toThrow(/not the name of a file/);
});

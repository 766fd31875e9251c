import { mkdir, rename, rm, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '@weir/sdk';
import { openTestProvider } from '@weir/sdk/testing';
import { expect, test } from 'vitest';
import { openConformance } from '../testing/conforms.ts';
import { openTestFolder } from '../testing/folder.ts';
import { docsProvider } from './provider.ts';

const files = {
  'README.md': 'What this is.\n\n# Weir\n\nA dam for context.\n\n## Install\n\nRun `npm ci`.\n',
  'guide/start.md':
    '# Start\n\nBegin here: install it, then fetch.\n\n# Fetch\n\nFetching documents.\n',
  'notes.txt': 'Plain notes about installing.\n',
  'picture.png': 'not a document',
  '.hidden/secret.md': '# Secret\n',
  '.env.md': '# Secret\n',
  'node_modules/pkg/README.md': '# Not ours\n',
};

const open = (path: string) =>
  openTestProvider(docsProvider({ folder: path, refreshMs: 0 }).provider);
const keysOf = (page: { entries: { key: string }[] }) => page.entries.map(({ key }) => key);

test('lists what can be fetched, and every value conforms to DocChunk', async () => {
  await using folder = await openTestFolder(files);
  const conforms = await openConformance('DocChunk');
  const docs = open(folder.path);
  const keys = keysOf(await docs.list('DocChunk'));
  expect(keys).toEqual([
    'README.md',
    'README.md#install',
    'README.md#weir',
    'guide/start.md#fetch',
    'guide/start.md#start',
    'notes.txt',
  ]);
  for (const key of keys) {
    const { value } = await docs.fetch('DocChunk', key);
    conforms(value);
    expect(value).toMatchObject({ id: key });
  }
});

test('a value says where it stands', async () => {
  await using folder = await openTestFolder(files);
  const { value, source, etag, contentType } = await open(folder.path).fetch(
    'DocChunk',
    'README.md#install',
  );
  expect(source).toBe('README.md:7');
  expect(contentType).toBe('application/json');
  expect(etag).not.toBe('');
  expect(value).toMatchObject({
    documentId: 'README.md',
    documentTitle: 'Weir',
    title: 'Install',
    headingPath: ['Weir', 'Install'],
    text: '## Install\n\nRun `npm ci`.',
    format: 'markdown',
    position: { index: 2, count: 3, startLine: 7, endLine: 9 },
    previous: 'README.md#weir',
    parent: 'README.md#weir',
  });
});

test('the key of a document alone is its beginning', async () => {
  await using folder = await openTestFolder(files);
  const docs = open(folder.path);
  expect((await docs.fetch('DocChunk', 'README.md')).value).toMatchObject({
    text: 'What this is.',
  });
  const start = await docs.fetch('DocChunk', 'guide/start.md');
  expect(start.value).toMatchObject({ id: 'guide/start.md', title: 'Start' });
});

test('words find what matches them, best first', async () => {
  await using folder = await openTestFolder(files);
  const page = await open(folder.path).list('DocChunk', { text: 'how to install' });
  expect(keysOf(page)).toEqual(['README.md#install', 'notes.txt', 'guide/start.md#start']);
  const scores = page.entries.map(({ score }) => score);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  for (const score of scores) expect(score).toBeGreaterThan(0);
  for (const score of scores) expect(score).toBeLessThanOrEqual(1);
  expect(page.entries[0]).toMatchObject({ title: 'Weir › Install', summary: 'Run `npm ci`.' });
  expect(keysOf(await open(folder.path).list('DocChunk', { text: 'zebra' }))).toEqual([]);
});

test.each([{ text: '' }, { text: 'install fetch dam' }])(
  'pages of "$text" neither repeat nor skip',
  async ({ text }) => {
    await using folder = await openTestFolder(files);
    const docs = open(folder.path);
    const all = keysOf(await docs.list('DocChunk', { text }));
    const paged: string[] = [];
    let pageToken = '';
    do {
      const page = await docs.list('DocChunk', { text, pageSize: 2, pageToken });
      paged.push(...keysOf(page));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(paged).toEqual(all);
  },
);

test('a prefix narrows the list, and a foreign page token is refused', async () => {
  await using folder = await openTestFolder(files);
  const docs = open(folder.path);
  expect(keysOf(await docs.list('DocChunk', { keyPrefix: 'guide/', text: 'install' }))).toEqual([
    'guide/start.md#start',
  ]);
  await expect(docs.list('DocChunk', { pageToken: 'nonsense' })).rejects.toMatchObject({
    code: Code.InvalidArgument,
  });
});

test('what changes, comes and goes is seen on the next access', async () => {
  await using folder = await openTestFolder(files);
  const docs = open(folder.path);
  const before = await docs.fetch('DocChunk', 'notes.txt');
  expect(await docs.query('DocChunk', 'notes.txt', { knownEtag: before.etag })).toMatchObject({
    kind: 'not-modified',
  });
  await folder.write('notes.txt', 'Other notes.\n');
  const after = await docs.query('DocChunk', 'notes.txt', { knownEtag: before.etag });
  expect(after).toMatchObject({ kind: 'content', value: { text: 'Other notes.' } });
  await folder.write('new.md', '# New\n');
  expect((await docs.fetch('DocChunk', 'new.md#new')).value).toMatchObject({ title: 'New' });
  await rm(join(folder.path, 'README.md'));
  expect(await docs.query('DocChunk', 'README.md#weir')).toEqual({ kind: 'not-found' });
  await rename(join(folder.path, 'new.md'), join(folder.path, 'old.md'));
  expect(keysOf(await docs.list('DocChunk', { keyPrefix: 'o' }))).toEqual(['old.md#new']);
  expect(await docs.query('DocChunk', 'new.md#new')).toEqual({ kind: 'not-found' });
});

test('nothing outside the folder can be had', async () => {
  await using outside = await openTestFolder({
    'secret.md': '# Secret\n',
    'sub/secret.md': '# Secret\n',
  });
  await using folder = await openTestFolder(files);
  await symlink(join(outside.path, 'secret.md'), join(folder.path, 'link.md'));
  await symlink(join(outside.path, 'sub'), join(folder.path, 'sub'));
  const docs = open(folder.path);
  const up = `../${outside.path.split('/').at(-1)}/secret.md`;
  for (const key of [
    up,
    `guide/../${up}`,
    join(outside.path, 'secret.md'),
    'link.md',
    'link.md#secret',
    'sub/secret.md',
    '.hidden/secret.md',
    '.env.md',
    'node_modules/pkg/README.md',
    'picture.png',
    '/etc/passwd',
    'README.md#none',
    'README.md#install~2',
    '#',
    '~1',
    '__proto__',
  ]) {
    expect(await docs.query('DocChunk', key), key).toEqual({ kind: 'not-found' });
  }
  expect(keysOf(await docs.list('DocChunk', { text: 'secret' }))).toEqual([]);
});

test('a folder exchanged for a link after it was walked leads nowhere', async () => {
  await using outside = await openTestFolder({ 'start.md': '# Secret\n\nOutside.\n' });
  await using folder = await openTestFolder(files);
  const docs = openTestProvider(docsProvider({ folder: folder.path, refreshMs: 60_000 }).provider);
  expect(keysOf(await docs.list('DocChunk', { keyPrefix: 'guide/' }))).toHaveLength(2);
  await rm(join(folder.path, 'guide'), { recursive: true });
  await symlink(outside.path, join(folder.path, 'guide'));
  expect(await docs.query('DocChunk', 'guide/start.md')).toEqual({ kind: 'not-found' });
});

test('files in other encodings are read, and what is no text is not', async () => {
  await using folder = await openTestFolder({
    'latin.md': Buffer.from('# Caf\xe9\n\nAu lait.\n', 'latin1'),
    'utf16.txt': Buffer.from('\ufeffGrüße', 'utf16le'),
    'bom.md': '\ufeff# Bom\n',
    'binary.txt': Buffer.from([1, 2, 0, 3]),
    'empty.md': '',
  });
  const docs = open(folder.path);
  expect(keysOf(await docs.list('DocChunk'))).toEqual(['bom.md#bom', 'latin.md#café', 'utf16.txt']);
  expect((await docs.fetch('DocChunk', 'utf16.txt')).value).toMatchObject({ text: 'Grüße' });
});

test('a file above the limit is left out', async () => {
  await using folder = await openTestFolder(files);
  await truncate(join(folder.path, 'notes.txt'), 1024 * 1024 + 1);
  const docs = open(folder.path);
  expect(await docs.query('DocChunk', 'notes.txt')).toEqual({ kind: 'not-found' });
  expect(keysOf(await docs.list('DocChunk', { keyPrefix: 'notes' }))).toEqual([]);
});

test('a folder that does not exist is said at once', async () => {
  await using folder = await openTestFolder({ 'file.md': '' });
  await mkdir(join(folder.path, 'empty'));
  expect(keysOf(await open(join(folder.path, 'empty')).list('DocChunk'))).toEqual([]);
  for (const name of ['missing', 'file.md']) {
    expect(() => docsProvider({ folder: join(folder.path, name) })).toThrow(
      /is not a folder that can be read/,
    );
  }
});

import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProjectError } from './project-paths.ts';
import { type WriteOptions, writeProject } from './write-project.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-project-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const lines = (...texts: string[]) => `${texts.join('\n')}\n`;
const read = (path: string) => readFile(join(folder, path), 'utf8');
const edit = (path: string, text: string) => writeFile(join(folder, path), text);

async function write(files: Record<string, string>, options?: WriteOptions) {
  const report = await writeProject(folder, new Map(Object.entries(files)), options);
  return {
    ...report,
    states: Object.fromEntries(report.files.map(({ path, state }) => [path, state])),
  };
}

test('a project is written, and the same again changes nothing', async () => {
  const files = { 'a.ts': 'a\n', 'src/b.ts': 'b\n' };
  expect((await write(files)).states).toEqual({ 'a.ts': 'written', 'src/b.ts': 'written' });
  expect(await read('src/b.ts')).toBe('b\n');
  expect((await write(files)).states).toEqual({ 'a.ts': 'unchanged', 'src/b.ts': 'unchanged' });
  const left = await readdir(folder, { recursive: true });
  expect(left.filter((name) => /draft|changes|lock/.test(name))).toEqual([]);
});

test('what the user edited is kept, and what the generator changed comes in', async () => {
  const before = lines('one', 'two', 'three', 'four', 'five');
  await write({ both: before, mine: before, theirs: before, gone: before, dropped: 'x\n' });
  await edit('both', lines('ONE', 'two', 'three', 'four', 'five'));
  await edit('mine', lines('my own'));
  await rm(join(folder, 'gone'));
  const after = lines('one', 'two', 'three', 'four', 'FIVE');
  const { states } = await write({ both: after, mine: before, theirs: after, gone: after });
  expect(states).toEqual({
    both: 'merged',
    mine: 'kept',
    theirs: 'updated',
    gone: 'kept',
    dropped: 'removed',
  });
  expect(await read('both')).toBe(lines('ONE', 'two', 'three', 'four', 'FIVE'));
  expect(await read('mine')).toBe(lines('my own'));
  expect(await readdir(folder)).not.toContain('dropped');
  // What was merged once is the user's edit of the new generation.
  expect((await write({ both: after, mine: before, theirs: after, gone: after })).states).toEqual({
    both: 'kept',
    mine: 'kept',
    theirs: 'unchanged',
    gone: 'kept',
  });
});

describe('a conflict', () => {
  beforeEach(async () => {
    await write({ both: lines('one', 'two', 'three'), other: 'old\n' });
    await edit('both', lines('one', 'mine', 'three'));
  });
  const next = { both: lines('one', 'theirs', 'three'), other: 'new\n' };

  test('writes nothing at all, and names the places', async () => {
    const { isWritten, files } = await write(next);
    expect(isWritten).toBe(false);
    expect(files[0]).toEqual({ path: 'both', state: 'conflict', conflictLines: [2] });
    expect(await read('other')).toBe('old\n');
    expect(await read('both')).toContain('mine');
  });

  test('is written with markers when that is asked for', async () => {
    const { isWritten } = await write(next, { onConflict: 'markers' });
    expect(isWritten).toBe(true);
    expect(await read('other')).toBe('new\n');
    expect(await read('both')).toBe(
      lines('one', '<<<<<<< yours', 'mine', '=======', 'theirs', '>>>>>>> generated', 'three'),
    );
  });
});

test('a file that the generator has not written is not overwritten', async () => {
  await edit('README.md', 'My project\n');
  const { isWritten, states } = await write({ 'README.md': 'Generated\n', 'a.ts': 'a\n' });
  expect([isWritten, states['README.md']]).toEqual([false, 'conflict']);
  expect(await readdir(folder)).not.toContain('a.ts');
});

test('a run that was cut off is finished by the next one', async () => {
  await write({ 'a.ts': 'old\n', 'b.ts': 'old\n' });
  const change = (path: string) => ({ path, before: 'old\n', after: 'new\n' });
  const both = [change('a.ts'), change('b.ts')];
  await edit('.weir/changes.json', JSON.stringify({ files: both, base: both }));
  await edit('a.ts', 'new\n');
  const { states } = await write({ 'a.ts': 'new\n', 'b.ts': 'new\n' });
  expect(states).toEqual({ 'a.ts': 'unchanged', 'b.ts': 'unchanged' });
  expect(await read('b.ts')).toBe('new\n');
});

describe('nothing outside of the folder is written, whatever the folder holds', () => {
  let outside: string;

  beforeEach(async () => {
    outside = await mkdtemp(join(tmpdir(), 'weir-outside-'));
    await writeFile(join(outside, 'theirs'), 'theirs\n');
  });

  afterEach(async () => {
    const found = await readdir(outside);
    const text = await readFile(join(outside, 'theirs'), 'utf8');
    await rm(outside, { recursive: true, force: true });
    expect([found, text]).toEqual([['theirs'], 'theirs\n']);
  });

  const linkTo = (target: string, path: string) =>
    symlink(join(outside, target), join(folder, path));

  test('by a link in the place of a folder or a file', async () => {
    await linkTo('', 'src');
    await expect(write({ 'src/a.ts': 'a\n' })).rejects.toThrow(/src is a symbolic link that leads/);
    await rm(join(folder, 'src'));
    await mkdir(join(folder, 'src'));
    await linkTo('not-there', 'src/a.ts');
    await expect(write({ 'src/a.ts': 'a\n' })).rejects.toThrow(ProjectError);
  });

  test.each(['', '/base'])('by .weir%s as a link', async (path) => {
    await mkdir(join(folder, dirname(`.weir${path}`)), { recursive: true });
    await linkTo('', `.weir${path}`);
    await expect(write({ 'a.ts': 'a\n' })).rejects.toThrow(/is a symbolic link that leads/);
  });

  test('by a file of the last generation, or a folder there, as a link', async () => {
    await mkdir(join(folder, '.weir/base'), { recursive: true });
    await linkTo('theirs', '.weir/base/a.ts');
    await expect(write({ 'a.ts': 'a\n' })).rejects.toThrow(/a\.ts is a symbolic link that leads/);
    await rm(join(folder, '.weir/base/a.ts'));
    await linkTo('', '.weir/base/src');
    await expect(write({ 'src/a.ts': 'a\n' })).rejects.toThrow(/src is a symbolic link that leads/);
  });

  test('by drafts as links', async () => {
    await mkdir(join(folder, '.weir/base'), { recursive: true });
    for (const path of ['a.ts', '.weir/base/a.ts']) await linkTo('theirs', `${path}.weir-draft`);
    await linkTo('theirs', '.weir/changes.json.draft');
    expect((await write({ 'a.ts': 'a\n' })).isWritten).toBe(true);
    expect(await read('a.ts')).toBe('a\n');
  });

  const planted = (path: string) => ({ path, after: 'evil\n' });
  test.each([
    ['a file outside', { files: [planted('../outside/planted')], base: [] }],
    ['a last generation outside', { files: [], base: [planted('../../../planted')] }],
    ['what is kept', { files: [planted('.weir/base.lock')], base: [] }],
    ['a file by a link', { files: [planted('ours.ts'), planted('out/planted')], base: [] }],
    ['a last generation by a link', { files: [], base: [planted('out/planted')] }],
    ['no text', { files: [{ path: 'a.ts', after: 1 }], base: [] }],
    ['nothing', { files: [null], base: [] }],
    ['another form', []],
  ])('by changes that a run is said to have left, of %s', async (_, changes) => {
    await mkdir(join(folder, '.weir/base'), { recursive: true });
    await linkTo('', 'out');
    await linkTo('', '.weir/base/out');
    await edit('.weir/changes.json', JSON.stringify(changes));
    await expect(write({ 'b.ts': 'b\n' })).rejects.toThrow(ProjectError);
    await expect(write({ 'b.ts': 'b\n' })).rejects.toThrow(
      /changes\.json is no list of changes that a run left: .*; remove it and write again/,
    );
    expect((await readdir(folder)).sort()).toEqual(['.weir', 'out']);
  });

  test('by changes that cannot be read, or are a link', async () => {
    await mkdir(join(folder, '.weir'));
    await edit('.weir/changes.json', '{');
    await expect(write({ 'a.ts': 'a\n' })).rejects.toThrow(ProjectError);
    await rm(join(folder, '.weir/changes.json'));
    await linkTo('theirs', '.weir/changes.json');
    await expect(write({ 'a.ts': 'a\n' })).rejects.toThrow(/changes\.json is a symbolic link/);
  });
});

test('what no generation can have written is left alone', async () => {
  await mkdir(join(folder, '.weir/base/.weir'), { recursive: true });
  for (const path of ['.weir/my notes', '.weir/base/.weir/my notes', '.weir/base/my notes']) {
    await edit(path, 'mine\n');
  }
  await edit('my notes', 'mine\n');
  expect((await write({ 'a.ts': 'a\n' })).states).toEqual({ 'a.ts': 'written' });
  expect(await read('my notes')).toBe('mine\n');
});

test.each(['../a', '/a', 'a/../b', '.weir/base/a', 'a//b', ''])('%j is no path', async (path) => {
  await expect(write({ [path]: 'a' })).rejects.toThrow(/no path of a generated file/);
});

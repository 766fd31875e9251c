import { expect, test } from 'vitest';
import { type ChunkedDocument, chunkMarkdown, chunkText } from './chunk.ts';
import { maxPieceChars } from './pieces.ts';

const keys = ({ chunks }: ChunkedDocument) => chunks.map((chunk) => chunk.key);

test('a document is cut at its headings, and what stands before the first has the key of the file', async () => {
  const text =
    'Before.\n\n# Weir\n\nA dam.\n\n## Install\n\n```\n# not a heading\n```\n\nSetext\n---\n\nEnd.\n';
  const document = await chunkMarkdown('README.md', text);
  expect(keys(document)).toEqual([
    'README.md',
    'README.md#weir',
    'README.md#install',
    'README.md#setext',
  ]);
  expect(document.chunks[2]).toMatchObject({
    heading: 'Install',
    headingPath: ['Weir', 'Install'],
    parent: 'README.md#weir',
    text: '## Install\n\n```\n# not a heading\n```',
    startLine: 7,
    endLine: 11,
    hasBody: true,
  });
  expect(document.title).toBe('Weir');
  expect(document.chunks[0]).toMatchObject({ heading: '', headingPath: [] });
});

test('anchors are those of GitHub', async () => {
  const headings = [
    'Hello, *World*!',
    'Hello World',
    'hello-world',
    '`fetch()` & [list](x)',
    'Über uns',
    '日本語',
    'a_b-c',
    '🚀',
    'Foo-1',
    'Foo',
    'Foo',
  ];
  const document = await chunkMarkdown(
    'a.md',
    headings.map((heading) => `## ${heading}\n\ntext\n`).join('\n'),
  );
  expect(document.chunks.map((chunk) => chunk.key.slice('a.md#'.length))).toEqual([
    'hello-world',
    'hello-world-1',
    'hello-world-2',
    'fetch--list',
    'über-uns',
    '日本語',
    'a_b-c',
    'section',
    'foo-1',
    'foo',
    'foo-2',
  ]);
});

test('front matter gives the title and does not move the lines', async () => {
  const text = '---\ntitle: The Guide\ntags: [a]\n---\nIntro.\n\n# First\n\nText.\n';
  const document = await chunkMarkdown('guide.md', text);
  expect(document).toMatchObject({ title: 'The Guide', frontMatter: { fields: { tags: ['a'] } } });
  expect(document.chunks.map(({ key, startLine }) => [key, startLine])).toEqual([
    ['guide.md', 5],
    ['guide.md#first', 7],
  ]);
  expect(keys(await chunkMarkdown('odd.md', '---\n: [broken\n---\ntext'))).toEqual(['odd.md']);
});

test('a long section is cut between paragraphs, and nothing is lost', async () => {
  const paragraphs = Array.from({ length: 40 }, (_, index) =>
    `${index} ${'word '.repeat(100)}`.trim(),
  );
  const text = `# Long\n\n${paragraphs.join('\n\n')}\n`;
  const document = await chunkMarkdown('long.md', text);
  expect(keys(document)).toEqual([
    'long.md#long',
    'long.md#long~2',
    'long.md#long~3',
    'long.md#long~4',
  ]);
  for (const chunk of document.chunks) expect(chunk.text.length).toBeLessThanOrEqual(maxPieceChars);
  expect(document.chunks.map((chunk) => chunk.text).join('\n\n')).toBe(text.trimEnd());
  expect(document.chunks[1]?.startLine).toBe((document.chunks[0]?.endLine ?? 0) + 2);
});

test('one endless line is cut, never inside a character', async () => {
  const document = chunkText('one.txt', '🚀'.repeat(maxPieceChars));
  expect(document.chunks.length).toBeGreaterThan(1);
  expect(document.chunks.map((chunk) => chunk.text).join('')).toBe('🚀'.repeat(maxPieceChars));
  for (const chunk of document.chunks) expect(chunk.text.isWellFormed()).toBe(true);
});

test('a plain text is cut at blank lines', () => {
  const text = `First.\n\n${'line\n'.repeat(1500)}\nLast.\n`;
  expect(keys(chunkText('dir/notes.txt', text))).toEqual([
    'dir/notes.txt',
    'dir/notes.txt~2',
    'dir/notes.txt~3',
  ]);
  expect(keys(chunkText('empty.txt', ' \n\n'))).toEqual([]);
});

test('a document longer than a window of the parser is cut as if it were read at once', async () => {
  const fence = `\`\`\`\n${'# in a fence\n'.repeat(3000)}\`\`\`\n`;
  const parts = Array.from(
    { length: 300 },
    (_, index) => `## Part ${index}\n\n${'Some text. '.repeat(12)}\n\n`,
  );
  const text = `# Top\n\n${parts.slice(0, 150).join('')}${fence}\n${parts.slice(150).join('')}`;
  const document = await chunkMarkdown('big.md', text);
  const sections = document.chunks.filter((chunk) => !chunk.key.includes('~'));
  expect(sections).toHaveLength(301);
  expect(sections.at(-1)).toMatchObject({ heading: 'Part 299', headingPath: ['Top', 'Part 299'] });
});

test('carriage returns do not reach the text', async () => {
  const document = await chunkMarkdown('win.md', '# A\r\n\r\nOne.\r\n\r\n## B\r\n\r\nTwo.\r\n');
  expect(document.chunks.map(({ text, startLine }) => [text, startLine])).toEqual([
    ['# A\n\nOne.', 1],
    ['## B\n\nTwo.', 5],
  ]);
});

test('a heading with nothing below it is known as such', async () => {
  const document = await chunkMarkdown('api.md', '# API\n\n## get\n\nGets.\n');
  expect(document.chunks.map((chunk) => chunk.hasBody)).toEqual([false, true]);
});

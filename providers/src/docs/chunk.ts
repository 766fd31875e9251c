import { type Block, readBlocks } from './blocks.ts';
import { type FrontMatter, takeFrontMatter } from './front-matter.ts';
import { createLineCounter, paragraphsOf, type Span, toPieces } from './pieces.ts';
import { createSlugs } from './slug.ts';

/** A part of a document, small enough to be read as one piece of context. */
export interface Chunk {
  /** `README.md`, `README.md#install`, or `README.md#install~2` for a later part of a section. */
  readonly key: string;
  /** The heading above it. Empty: there is none. */
  readonly heading: string;
  /** The headings from the document's first level down to its own. */
  readonly headingPath: readonly string[];
  /** The key of the section directly above. Absent at the first level. */
  readonly parent?: string;
  /** The text, as it stands in the file. */
  readonly text: string;
  /** The first line in the file, from 1. */
  readonly startLine: number;
  /** The last line in the file. */
  readonly endLine: number;
  /** Whether there is more than a heading in it. */
  readonly hasBody: boolean;
}

/** A document, cut into chunks. */
export interface ChunkedDocument {
  /** What it calls itself: in its front matter, else in its first heading. */
  readonly title?: string;
  readonly frontMatter: FrontMatter;
  readonly chunks: readonly Chunk[];
}

interface Section extends Pick<Chunk, 'key' | 'heading' | 'headingPath' | 'parent'> {
  readonly blocks: Span[];
  hasBody: boolean;
}

/** Cuts a Markdown document at its headings. `path` is the key of the document. */
export async function chunkMarkdown(path: string, text: string): Promise<ChunkedDocument> {
  const { frontMatter, body } = takeFrontMatter(text);
  const blocks = await readBlocks(body);
  const title = frontMatter.title ?? blocks.find((block) => block.heading)?.heading?.title;
  const chunks = toChunks(body, toSections(path, blocks));
  return { ...(title && { title }), frontMatter, chunks };
}

/** Cuts a plain text at its paragraphs. `path` is the key of the document. */
export function chunkText(path: string, text: string): ChunkedDocument {
  const blocks = paragraphsOf(text);
  const section = { key: path, heading: '', headingPath: [], blocks, hasBody: true };
  return { frontMatter: {}, chunks: toChunks(text, [section]) };
}

interface Heading {
  readonly depth: number;
  readonly title: string;
  readonly key: string;
}

function toSections(path: string, blocks: readonly Block[]): Section[] {
  const slug = createSlugs();
  const above: Heading[] = [];
  let current: Section = { key: path, heading: '', headingPath: [], blocks: [], hasBody: false };
  const sections = [current];
  for (const block of blocks) {
    if (block.heading) {
      const { depth, title } = block.heading;
      while ((above.at(-1)?.depth ?? 0) >= depth) above.pop();
      const parent = above.at(-1)?.key;
      const key = `${path}#${slug(title)}`;
      above.push({ depth, title, key });
      const headingPath = above.map((heading) => heading.title);
      const place = { key, heading: title, headingPath, ...(parent && { parent }) };
      current = { ...place, blocks: [], hasBody: false };
      sections.push(current);
    } else current.hasBody = true;
    current.blocks.push(block);
  }
  return sections;
}

function toChunks(text: string, sections: readonly Section[]): Chunk[] {
  const lineAt = createLineCounter(text);
  return sections.flatMap(({ blocks, ...section }) =>
    toPieces(text, blocks).map((piece, index) => {
      const startLine = lineAt(piece.start);
      const part = text.slice(piece.start, piece.end).trimEnd();
      return {
        ...section,
        key: index === 0 ? section.key : `${section.key}~${index + 1}`,
        text: part.replaceAll('\r\n', '\n'),
        startLine,
        endLine: lineAt(piece.start + part.length),
      };
    }),
  );
}

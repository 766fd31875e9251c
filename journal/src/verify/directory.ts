import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isChainId } from '../format/checkpoint.ts';
import { readFrame } from '../format/frame.ts';
import {
  decodeSegmentStart,
  readSegmentStart,
  SEGMENT_START_BYTES,
  type SegmentStart,
  segmentFirst,
} from '../format/segment.ts';
import type { ChainPart, ChainSource } from './chain-source.ts';

/** A segment of this size is none of ours; it is read whole. */
const SEGMENT_MAX_BYTES = 256 * 1024 * 1024;

/** The chains in the directory of a journal, or the one chain whose folder it is. */
export async function* readDirectory(directory: string): AsyncGenerator<ChainSource> {
  const names = await readdir(directory);
  if (names.some((name) => segmentFirst(name) !== undefined)) {
    yield await readChain(directory, names);
    return;
  }
  for (const name of names.filter(isChainId).sort()) {
    const folder = join(directory, name);
    yield await readChain(folder, await readdir(folder));
  }
}

async function readChain(folder: string, names: readonly string[]): Promise<ChainSource> {
  const segments = names.filter((name) => segmentFirst(name) !== undefined).sort();
  const others = names.filter((name) => segmentFirst(name) === undefined);
  const [first] = segments;
  const start = first ? await readSegmentStart(join(folder, first)) : undefined;
  return {
    id: isChainId(basename(folder)) ? basename(folder) : (start?.chain.id ?? basename(folder)),
    chain: start?.chain,
    parts: readParts({ folder, segments, others, start }),
  };
}

async function* readParts(read: {
  folder: string;
  segments: readonly string[];
  others: readonly string[];
  start: SegmentStart | undefined;
}): AsyncGenerator<ChainPart> {
  for (const name of read.others) yield { kind: 'note', text: `beside its segments lies ${name}` };
  for (const [index, name] of read.segments.entries()) {
    const file = join(read.folder, name);
    const isLast = index === read.segments.length - 1;
    yield* readSegmentParts({
      file,
      isLast,
      first: segmentFirst(name),
      chain: read.start?.chain.id,
    });
  }
}

/** What is read of one segment. */
interface SegmentRead {
  readonly file: string;
  readonly isLast: boolean;
  /** What its name says. */
  readonly first: number | undefined;
  /** What the first segment says of its chain. */
  readonly chain: string | undefined;
}

async function* readSegmentParts({
  file,
  isLast,
  first,
  chain,
}: SegmentRead): AsyncGenerator<ChainPart> {
  const bytes = await readSegment(file);
  const start = decodeSegmentStart(bytes);
  const place = { file, offset: 0 };
  if (start === undefined) {
    if (isLast && bytes.length < SEGMENT_START_BYTES) return yield torn(file, bytes.length);
    return yield bad('the start of the segment cannot be read', place);
  }
  if (start.first !== first) {
    return yield bad(`the segment of entry ${start.first} lies in another's place`, place, 'order');
  }
  if (start.chain.id !== chain) {
    return yield bad(`the segment is of chain ${start.chain.id}`, place, 'order');
  }
  yield { kind: 'start', first: start.first, head: start.head, place };
  let offset = SEGMENT_START_BYTES;
  while (offset < bytes.length) {
    const frame = readFrame(bytes, offset);
    if (frame.kind === 'altered') return yield bad(frame.text, { file, offset });
    if (frame.kind === 'incomplete') {
      if (isLast) return yield torn(file, bytes.length - offset);
      return yield bad('the segment ends in the middle of a frame', { file, offset });
    }
    const { header, body } = frame;
    yield { kind: 'entry', header, body, place: { file, offset } };
    offset += frame.bytes;
  }
}

function torn(file: string, bytes: number): ChainPart {
  const text = `the last ${bytes} bytes of ${file} are the beginning of an entry: it was being written when its process died, or its end was cut off`;
  return { kind: 'note', text };
}

function bad(
  text: string,
  place: { file: string; offset: number },
  fault: 'frame' | 'order' = 'frame',
): ChainPart {
  return { kind: 'bad', fault, text, place };
}

async function readSegment(file: string): Promise<Buffer> {
  const { size } = await stat(file);
  if (size > SEGMENT_MAX_BYTES) throw new Error(`${file} is too large to be a segment`);
  return readFile(file);
}

import { copyFile, readdir, readFile, rename, rm, rmdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Logger } from '@weir/kit';
import type { Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { isMarkedAside } from '../aside.ts';
import { isChainId } from '../format/checkpoint.ts';
import { genesis } from '../format/hash.ts';
import { readSegmentStart, SEGMENT_START_BYTES, segmentFirst } from '../format/segment.ts';
import type { WrittenSegment } from '../writer/segments.ts';
import { scanSegment } from './scan.ts';

/** A chain of an earlier start of the process. */
export interface OldChain {
  readonly chain: Chain;
  readonly folder: string;
  /** In their order; none is open. */
  readonly segments: readonly WrittenSegment[];
  /** Whether it was set aside: see aside.ts. */
  readonly isAside: boolean;
}

/** What an earlier start left. */
export interface Recovered {
  /** Oldest first. */
  readonly chains: readonly OldChain[];
  /** The newest chain, as it is on the disk now; undefined: there is none. */
  readonly previous:
    | { readonly id: string; readonly length: number; readonly head: Uint8Array }
    | undefined;
  /** How many segments were found damaged, and set aside. */
  readonly damaged: number;
}

/**
 * Reads what earlier starts left in the directory of a journal. Of the newest chain, a frame that was
 * cut off in the middle when its process died is removed; whatever else is wrong with its end is
 * set aside as `<segment>.damaged`, and logged. Only the last segment is read: those before it
 * were closed, and are checked when they are shipped or verified.
 */
export async function recoverChains(directory: string, log: Logger): Promise<Recovered> {
  const chains: OldChain[] = [];
  for (const id of (await readdir(directory)).filter(isChainId)) {
    const found = await readChain(join(directory, id), log);
    if (found !== undefined) chains.push(found);
  }
  chains.sort((a, b) => createdMs(a.chain) - createdMs(b.chain));
  const newest = chains.pop();
  if (newest === undefined) return { chains, previous: undefined, damaged: 0 };
  const { segments, length, head, damaged } = await mendEnd(newest, log);
  const mended = segments.length > 0 ? [{ ...newest, segments }] : [];
  const previous = { id: newest.chain.id, length, head };
  return { chains: [...chains, ...mended], previous, damaged };
}

function createdMs({ createTime }: Chain): number {
  return createTime ? timestampMs(createTime) : 0;
}

/** Undefined: there is no entry in the folder. */
async function readChain(folder: string, log: Logger): Promise<OldChain | undefined> {
  const names = (await readdir(folder)).filter((name) => segmentFirst(name) !== undefined).sort();
  const segments: WrittenSegment[] = [];
  let chain: Chain | undefined;
  for (const name of names) {
    const path = join(folder, name);
    const { size } = await stat(path);
    if (size <= SEGMENT_START_BYTES && name === names.at(-1)) {
      // Its process died before it wrote the first entry.
      await rm(path);
      continue;
    }
    chain ??= (await readSegmentStart(path))?.chain;
    const first = segmentFirst(name) ?? 0;
    segments.push({ path, first, end: first, bytes: size, isOpen: false });
  }
  if (segments.length === 0) {
    await rmdir(folder).catch(() => {});
    return undefined;
  }
  if (chain === undefined) {
    log.error({ folder }, 'a chain of the journal cannot be read; it is left as it is');
    return undefined;
  }
  const endOf = (at: number) => segments[at + 1]?.first ?? Number.POSITIVE_INFINITY;
  const isAside = await isMarkedAside(folder);
  const ended = segments.map((one, at) => ({ ...one, end: endOf(at) }));
  return { chain, folder, segments: ended, isAside };
}

/** The newest chain, once its end is right. */
interface Mended {
  readonly segments: readonly WrittenSegment[];
  readonly length: number;
  readonly head: Uint8Array;
  readonly damaged: number;
}

async function mendEnd(
  { chain, segments }: Pick<OldChain, 'chain' | 'segments'>,
  log: Logger,
  damaged = 0,
): Promise<Mended> {
  const before = segments.slice(0, -1);
  const last = segments.at(-1);
  if (last === undefined) return { segments: [], length: 0, head: genesis, damaged };
  const { path } = last;
  const { length, head, goodBytes, isTorn, fault } = scanSegment(await readFile(path), chain);
  if (isTorn) {
    const bytes = last.bytes - goodBytes;
    log.warn({ segment: path, bytes }, 'removed an entry that was not written to its end');
    await truncate(path, goodBytes);
  }
  if (fault !== undefined) {
    log.error({ segment: path, fault }, 'the journal is damaged; the segment is set aside');
    await setAside(path, goodBytes);
    if (goodBytes === 0) return mendEnd({ chain, segments: before }, log, damaged + 1);
  }
  return {
    segments: [...before, { ...last, end: length, bytes: goodBytes }],
    ...{ length, head, damaged: damaged + (fault === undefined ? 0 : 1) },
  };
}

/** Keeps a copy of a segment as it was found, and of the segment itself what is right. */
async function setAside(path: string, goodBytes: number): Promise<void> {
  if (goodBytes === 0) return rename(path, `${path}.damaged`);
  await copyFile(path, `${path}.damaged`);
  await truncate(path, goodBytes);
}

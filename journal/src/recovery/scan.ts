import type { Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { readFrame } from '../format/frame.ts';
import { genesis } from '../format/hash.ts';
import { decodeSegmentStart, SEGMENT_START_BYTES } from '../format/segment.ts';
import { createChainChecker } from '../verify/chain-checker.ts';

/** What the last segment of a chain holds. */
export interface Scanned {
  /** How many entries the chain has. */
  readonly length: number;
  /** The hash of the last of them. */
  readonly head: Uint8Array;
  /** How much of the file is right; 0: not even its start is. */
  readonly goodBytes: number;
  /** Whether what follows is the beginning of an entry. */
  readonly isTorn: boolean;
  /** What else is wrong with what follows. */
  readonly fault: string | undefined;
}

/** Reads the last segment of a chain, up to the first thing that is wrong. */
export function scanSegment(file: Buffer, { id, publicKey }: Chain): Scanned {
  const start = decodeSegmentStart(file);
  if (start === undefined || start.chain.id !== id) {
    const fault = 'the start of the segment cannot be read';
    return { length: 0, head: genesis, goodBytes: 0, isTorn: false, fault };
  }
  const { first, head } = start;
  const checker = createChainChecker({ chain: id, publicKey, length: first, head });
  let at = SEGMENT_START_BYTES;
  const upTo = (isTorn: boolean, fault: string | undefined): Scanned => ({
    ...{ length: checker.length, head: checker.head, goodBytes: at, isTorn, fault },
  });
  while (at < file.length) {
    const frame = readFrame(file, at);
    if (frame.kind === 'incomplete') return upTo(true, undefined);
    if (frame.kind === 'altered') return upTo(false, frame.text);
    const checked = checker.add(frame);
    if (checked.fault) return upTo(false, checked.fault.text);
    at += frame.bytes;
  }
  return upTo(false, undefined);
}

import { createHash } from 'node:crypto';
import { readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  SnapshotChunkSchema,
  type SnapshotEntry,
  SnapshotStartSchema,
} from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { applyEntries, emptySnapshot, type Snapshot } from './snapshot.ts';

/**
 * The snapshot on disk: "WEIRSNP2", SHA-256 of the rest, the length of the start message
 * (4 bytes, big-endian), a SnapshotStart, a SnapshotChunk with every entry. The file's
 * modification time says when the registry last confirmed it.
 */
const MAGIC = Buffer.from('WEIRSNP2');
const HEADER_BYTES = MAGIC.length + 32 + 4;

/** Writes a snapshot beside the file and then in its place, so that it is never half there. */
export async function saveSnapshot(path: string, snapshot: Snapshot): Promise<void> {
  const start = toBinary(
    SnapshotStartSchema,
    create(SnapshotStartSchema, { epoch: snapshot.epoch, revision: snapshot.revision }),
  );
  const entries: SnapshotEntry[] = [];
  for (const own of snapshot.entries.values()) entries.push(...own.values());
  const chunk = toBinary(SnapshotChunkSchema, create(SnapshotChunkSchema, { entries }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(start.byteLength);
  const hash = createHash('sha256').update(length).update(start).update(chunk).digest();
  const beside = `${path}.new`;
  await writeFile(beside, Buffer.concat([MAGIC, hash, length, start, chunk]), { mode: 0o600 });
  await rename(beside, path);
}

/** Notes that the registry confirmed the snapshot on disk at a time. */
export async function touchSnapshot(path: string, wallMs: number): Promise<void> {
  await utimes(path, wallMs / 1000, wallMs / 1000);
}

/**
 * Reads a snapshot from disk, with the time of its last confirmation. Undefined when there
 * is none, or when the file is damaged: a router then waits for the registry.
 */
export async function loadSnapshot(
  path: string,
): Promise<{ snapshot: Snapshot; confirmedAtMs: number } | undefined> {
  let bytes: Buffer;
  let confirmedAtMs: number;
  try {
    bytes = await readFile(path);
    confirmedAtMs = (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const body = bytes.subarray(MAGIC.length + 32);
  const hash = createHash('sha256').update(body).digest();
  const intact =
    bytes.length > HEADER_BYTES &&
    bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
    bytes.subarray(MAGIC.length, MAGIC.length + 32).equals(hash);
  if (!intact) return undefined;
  const split = 4 + body.readUInt32BE(0);
  const start = fromBinary(SnapshotStartSchema, body.subarray(4, split));
  const chunk = fromBinary(SnapshotChunkSchema, body.subarray(split));
  return { snapshot: applyEntries(emptySnapshot, chunk.entries, start), confirmedAtMs };
}

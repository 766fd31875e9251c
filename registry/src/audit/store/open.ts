import { genesis } from '@weir/journal';
import type { Chain } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { eq } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import { auditChains } from '../../store/schema.ts';
import { dateOf } from '../../store/tables/time.ts';
import type { Seals } from '../seals.ts';
import { greatestAnchor } from './anchors.ts';
import {
  CHAIN_SEAL,
  type Contradiction,
  chainOf,
  contradicts,
  equal,
  hashAt,
  type Lost,
  noteFault,
  readChain,
  sealedChain,
  type Taken,
} from './chains.ts';
import { type GapDeps, noteGap } from './gaps.ts';

/** What a router tells of the disk beside its chain. */
export interface OpenOptions {
  /** Whether nothing of the chain before is there any more. */
  readonly previousGone?: boolean;
}

/** Makes a chain known, unless it contradicts what is held. */
export async function openChain(
  deps: GapDeps,
  chain: Chain,
  { previousGone = false }: OpenOptions,
): Promise<Taken> {
  const { db, seals, nowMs } = deps;
  const { id } = chain;
  await insertChain(db, chain, seals);
  const held = await readChain(db, id, 'lock');
  if (!held) return { kind: 'unknown' };
  if (!seals.holds(CHAIN_SEAL, sealedChain(chainOf(held)), held.seal)) {
    return contradicts(id, 0, 'what is held of the chain was altered in the database');
  }
  if (!seals.holds(CHAIN_SEAL, sealedChain(chain), held.seal)) {
    return contradicts(
      id,
      0,
      'the chain was opened before, by another process or with another key',
    );
  }
  const cut = await cutOff(db, chain);
  if (cut) await noteFault(db, cut, nowMs);
  const lost = previousGone ? await loseRest(deps, chain) : undefined;
  return { kind: 'taken', shipped: held.length, lost };
}

async function insertChain(db: Database, chain: Chain, seals: Seals): Promise<void> {
  const createTime = dateOf(chain.createTime);
  const { id, writer, publicKey, previousId, previousHead } = chain;
  await db
    .insert(auditChains)
    .values({
      ...{ id, writer, publicKey, createTime, previousId, previousHead },
      previousLength: Number(chain.previousLength),
      seal: seals.seal(CHAIN_SEAL, sealedChain(chain)),
      length: 0,
      head: genesis,
      lastTime: createTime,
      prunedHead: genesis,
    })
    .onConflictDoNothing();
}

/** Whether a router began anew without entries that it had before. It may go on nevertheless. */
async function cutOff(db: Database, chain: Chain): Promise<Contradiction | undefined> {
  const { previousId, previousHead } = chain;
  const length = Number(chain.previousLength);
  if (previousId === '') return undefined;
  const previous = await readChain(db, previousId, 'look');
  if (!previous) return undefined;
  const fault = (text: string) => ({ chain: previousId, position: length, text });
  const anchored = await greatestAnchor(db, previousId);
  if (length < Math.max(previous.length, anchored?.length ?? 0)) {
    return fault('its router began anew and found fewer entries than it had told of');
  }
  const known = length === 0 ? genesis : await hashAt(db, previousId, length - 1);
  if (known && !equal(known, previousHead)) {
    return fault('its router began anew and found another head than it had told of');
  }
  return undefined;
}

/** Notes that what is not held of the chain before is lost, if anything is not. */
async function loseRest(deps: GapDeps, chain: Chain): Promise<Lost | undefined> {
  const { previousId, previousHead: head } = chain;
  const end = Number(chain.previousLength);
  const previous = await readChain(deps.db, previousId, 'lock');
  if (!previous || previous.length >= end) return undefined;
  const { length: first } = previous;
  await noteGap(deps, { chain: previousId, first, end, head });
  const value = { length: end, head };
  await deps.db.update(auditChains).set(value).where(eq(auditChains.id, previousId));
  return { chain: previousId, first, count: end - first };
}

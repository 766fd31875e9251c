import type {
  AnchorHeadRequest,
  Chain,
  ShipEntriesRequest,
} from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import type { Database } from '../../store/driver.ts';
import type { Seals } from '../seals.ts';
import { keepAnchor } from './anchors.ts';
import { noteFault, type Taken } from './chains.ts';
import type { GapDeps } from './gaps.ts';
import { type OpenOptions, openChain } from './open.ts';
import { takeEntries } from './take-entries.ts';

/** Takes in what routers send. */
export interface Intake {
  openChain(chain: Chain, options?: OpenOptions): Promise<Taken>;
  anchor(anchor: AnchorHeadRequest): Promise<Taken>;
  ship(batch: ShipEntriesRequest): Promise<Taken>;
}

/** Creates the intake. A contradiction is kept, and changes nothing else. */
export function createIntake(db: Database, seals: Seals, wallMs: () => number): Intake {
  const noting = async (take: (deps: GapDeps) => Promise<Taken>): Promise<Taken> => {
    const nowMs = wallMs();
    const taken = await db.transaction((tx) => take({ db: tx, seals, nowMs }));
    if (taken.kind === 'contradicts') await noteFault(db, taken.fault, nowMs);
    return taken;
  };
  return {
    openChain: (chain, options = {}) => noting((deps) => openChain(deps, chain, options)),
    anchor: (anchor) => noting((deps) => keepAnchor(deps.db, anchor)),
    ship: (batch) => noting((deps) => takeEntries(deps, batch)),
  };
}

import type { Fault } from '../format/fault.ts';
import { bufferOf } from '../format/header.ts';
import type { ChainVerifier } from './chain-verifier.ts';
import type { VerifyOptions } from './verify.ts';

/** What is wrong between chains: each must end as the next one of its process found it. */
export function linkFaults(chains: readonly ChainVerifier[], options: VerifyOptions): Fault[] {
  const byId = new Map(chains.map((one) => [one.verified.id, one]));
  return chains.flatMap(({ verified }) => {
    const { chain } = verified;
    if (!chain || chain.previousId === '') return [];
    const before = byId.get(chain.previousId);
    if (before === undefined) {
      if (options.pruned) return [];
      const text = `chain ${chain.previousId}, which chain ${chain.id} follows, is not here`;
      return [faultOf(chain.previousId, 0, 'missing', text)];
    }
    // What is wrong inside it was said, or nothing of it is here but anchors.
    if (before.fault !== undefined || !before.hasEntries) return [];
    const { length, head } = before.verified;
    const previousLength = Number(chain.previousLength);
    if (length < previousLength) {
      const text = `cut off: chain ${chain.id} found ${previousLength} entries, and ${length} are here`;
      return [faultOf(chain.previousId, length, 'missing', text)];
    }
    if (length === previousLength && bufferOf(head).equals(chain.previousHead)) return [];
    const text = `chain ${chain.id} found it with ${previousLength} entries and another head`;
    return [faultOf(chain.previousId, Math.min(previousLength, length), 'link', text)];
  });
}

function faultOf(chain: string, position: number, kind: Fault['kind'], text: string): Fault {
  return { kind, chain, position, text, place: undefined };
}

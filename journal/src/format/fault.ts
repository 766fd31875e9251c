/**
 * What can be wrong with a chain:
 * - `frame`: bytes on disk that are no frame;
 * - `header`: a header that cannot be one;
 * - `order`: an entry at another place than its own, or twice;
 * - `missing`: entries that are not there;
 * - `body`: a body that is not the one which was recorded;
 * - `tie`: an entry that does not follow from the one before: one of the two was altered;
 * - `checkpoint`: what was signed is not what is there, or the signature is wrong;
 * - `link`: the first entry, or what it says of the chain before, is wrong;
 * - `anchor`: the registry was told another head, or of more entries than are there;
 * - `key`: the chain tells another key than the registry was told;
 * - `lost`: entries that nobody has any more, as the registry noted when it found that out; what
 *   follows them is verified too;
 * - `noted`: the registry itself found it, and says so in its export.
 */
export type FaultKind =
  | 'frame'
  | 'header'
  | 'order'
  | 'missing'
  | 'body'
  | 'tie'
  | 'checkpoint'
  | 'link'
  | 'anchor'
  | 'key'
  | 'lost'
  | 'noted';

/** Where in a file something is. */
export interface Place {
  readonly file: string;
  /** In bytes, from 0. */
  readonly offset: number;
}

/** What is wrong with a chain, and where. */
export interface Fault {
  readonly kind: FaultKind;
  /** The chain's id. */
  readonly chain: string;
  /** The first entry that is wrong, or of several that may be. */
  readonly position: number;
  /** What is wrong, for people. */
  readonly text: string;
  /** Where it was read. Undefined: it came by a stream. */
  readonly place: Place | undefined;
}

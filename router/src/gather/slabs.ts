import { entryWith, type Kept } from './kept.ts';

/** The size of a slab; cleaning one is a pause, of 0.1 ms or so. */
export const SLAB_BYTES = 256 * 1024;
/** What is larger has a buffer of its own: the end of each slab would be lost else. */
const PACKED_MAX_BYTES = SLAB_BYTES / 8;
/** How much of all slabs may be of entries that have gone, before one is cleaned. */
const DEAD_SHARE_MAX = 1 / 16;

/** A buffer that holds the bytes of many entries. */
export interface Slab {
  readonly bytes: Uint8Array;
  /** By slot; undefined: it has gone. */
  readonly kept: (Kept | undefined)[];
  used: number;
  live: number;
  /** Its place among the slabs. */
  place: number;
}

const noBytes = new Uint8Array(0);

/**
 * Packs the bytes of entries into slabs: a buffer for each would cost 400 bytes and much of the
 * garbage collector's time. No byte is ever written twice, for callers may have a view of what has
 * gone; a slab goes when they all have. When too much of the slabs has gone, the emptiest is
 * cleaned: what is left in it moves.
 */
export class Slabs {
  readonly #slabs: Slab[] = [];
  #open = this.#add();
  #used = 0;
  #live = 0;

  /** What the slabs take of memory. */
  get bytes(): number {
    return this.#slabs.length * SLAB_BYTES;
  }

  /** Takes in the bytes of an entry, which is told where they are from now on. */
  take(kept: Kept): void {
    const { field } = kept.entry;
    if (field.length > PACKED_MAX_BYTES) {
      // It may be a part of something larger.
      if (field.length < field.buffer.byteLength) this.#move(kept, field.slice());
      return;
    }
    if (field.length === 0) this.#move(kept, noBytes);
    else this.#pack(kept);
  }

  /** Lets go of the bytes of an entry. */
  free(kept: Kept): void {
    const { slab, slot, entry } = kept;
    if (!slab) return;
    slab.kept[slot] = undefined;
    kept.slab = undefined;
    slab.live -= entry.field.length;
    this.#live -= entry.field.length;
    if (slab.live === 0 && slab !== this.#open) this.#drop(slab);
    const dead = this.#used - this.#live;
    if (dead > this.#used * DEAD_SHARE_MAX + SLAB_BYTES) this.#clean();
  }

  #pack(kept: Kept): void {
    const { field } = kept.entry;
    if (this.#open.used + field.length > SLAB_BYTES) this.#close();
    const slab = this.#open;
    const from = slab.used;
    const to = from + field.length;
    slab.bytes.set(field, from);
    this.#move(kept, slab.bytes.subarray(from, to));
    slab.used = to;
    slab.live += field.length;
    this.#used += field.length;
    this.#live += field.length;
    kept.slab = slab;
    kept.slot = slab.kept.push(kept) - 1;
  }

  #move(kept: Kept, field: Uint8Array): void {
    kept.entry = entryWith(kept.entry, { field });
  }

  /** Opens another slab; what is left of this one is lost. */
  #close(): void {
    const slab = this.#open;
    this.#used += SLAB_BYTES - slab.used;
    slab.used = SLAB_BYTES;
    this.#open = this.#add();
    if (slab.live === 0) this.#drop(slab);
  }

  #add(): Slab {
    const slab: Slab = {
      bytes: new Uint8Array(SLAB_BYTES),
      kept: [],
      used: 0,
      live: 0,
      place: this.#slabs.length,
    };
    this.#slabs.push(slab);
    return slab;
  }

  #drop(slab: Slab): void {
    const last = this.#slabs.pop() as Slab;
    if (last !== slab) {
      last.place = slab.place;
      this.#slabs[slab.place] = last;
    }
    this.#used -= slab.used;
  }

  /** Moves what is left in the emptiest slab. */
  #clean(): void {
    let emptiest: Slab | undefined;
    for (const slab of this.#slabs) {
      if (slab !== this.#open && slab.live < (emptiest?.live ?? SLAB_BYTES)) emptiest = slab;
    }
    if (!emptiest) return;
    const { kept } = emptiest;
    this.#live -= emptiest.live;
    this.#drop(emptiest);
    for (const one of kept) if (one) this.#pack(one);
  }
}

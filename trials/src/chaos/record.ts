// What happened during a trial, all of it on one clock: that of the process that drives it.

/** A state of an item at its source, from a moment on. */
export interface Written {
  readonly atMs: number;
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
  readonly version: number;
  /** Whether there is no such item from now on. */
  readonly gone: boolean;
}

/** Why there was no answer. */
export interface Refused {
  readonly code: string;
  readonly reason: string;
  readonly text: string;
}

/** What came back for one ref. */
export interface Answer {
  /** As the router wrote it. */
  readonly index: number;
  readonly ageMs: number;
  readonly cache: string;
  /** What the value says of itself; whatever it may be. */
  readonly value?: {
    readonly tenant?: unknown;
    readonly askedFor?: unknown;
    readonly type?: unknown;
    readonly key?: unknown;
    readonly version?: unknown;
  };
  readonly refused?: Refused;
}

/** A call of a consumer. */
export interface Call {
  readonly method: 'fetch' | 'stream';
  readonly router: string;
  readonly tenant: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly timeoutMs: number;
  readonly maxAgeMs?: number;
  readonly refs: readonly { readonly type: string; readonly key: string }[];
  /** In the order in which they came. */
  readonly answers: readonly Answer[];
  /** Why the call failed; answers that came before count. */
  readonly failed?: Refused;
}

/** A write to the registry. Of one object there is one at a time, and none after an unknown one. */
export interface RegistryWrite {
  readonly atMs: number;
  readonly endMs: number;
  readonly timeoutMs: number;
  /** What it is of, such as `provider/north/p12`. */
  readonly object: string;
  /** The state that it leads to; null: there is no such object. */
  readonly state: string | null;
  /** Absent: it was acknowledged. Otherwise nobody knows whether it is in force. */
  readonly failed?: Refused;
}

/** A look at an acknowledged write through a router, with its consistency token. */
export interface TokenRead {
  readonly object: string;
  readonly router: string;
  readonly atMs: number;
  /** Whether the write was seen; absent: the router refused to say. */
  readonly seen?: boolean;
  readonly refused?: Refused;
}

/** What an object was found to be after all was healed. */
export interface Found {
  readonly object: string;
  /** Who says so: `registry`, or the name of a router. */
  readonly by: string;
  /** Null: there is no such object. */
  readonly state: string | null;
  /** What of it belongs to different writes. */
  readonly torn?: string;
}

/** An end of a part that nobody asked for. */
export interface Crashed {
  readonly part: string;
  readonly how: string;
  readonly lastWords: string;
}

/** All of a trial that its checker reads. */
export interface ChaosRecord {
  readonly writes: readonly Written[];
  readonly calls: readonly Call[];
  readonly registryWrites: readonly RegistryWrite[];
  readonly tokenReads: readonly TokenRead[];
  readonly found: readonly Found[];
  readonly crashes: readonly Crashed[];
  /** How long it took until everything answered again after all was healed; null: too long. */
  readonly recoveredMs: number | null;
}

/** How a type of the trial's items may be cached. */
export interface ItemKind {
  readonly type: string;
  /** How long a value is held to be true. 0: it is never cached. */
  readonly ttlMs: number;
  /** How long past that it may be served while it is refreshed. */
  readonly staleMs: number;
  /** How long its absence may be remembered. */
  readonly negativeTtlMs: number;
  /** Whether items of this type come and go. */
  readonly fleeting: boolean;
}

/** One type for each way to cache. */
export const itemKinds: readonly ItemKind[] = [
  { type: 'Steady', ttlMs: 400, staleMs: 0, negativeTtlMs: 0, fleeting: false },
  { type: 'Lazy', ttlMs: 300, staleMs: 1_500, negativeTtlMs: 0, fleeting: false },
  { type: 'Fleeting', ttlMs: 500, staleMs: 0, negativeTtlMs: 600, fleeting: true },
  { type: 'Live', ttlMs: 0, staleMs: 0, negativeTtlMs: 0, fleeting: false },
];

/** The tenants; their types and keys have the same names. */
export const tenantNames = ['north', 'south'] as const;

/** The keys of every type in every tenant. */
export const itemKeys: readonly string[] = Array.from({ length: 24 }, (_, i) => `item/${i}`);

/** How long a router waits for the providers. */
export const PROVIDER_TIMEOUT_MS = 1_000;

/** An item as its source holds it, and as it travels. */
export interface ItemValue {
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
  /** Raised by one with every change. */
  readonly version: number;
  /** When that was, on the clock of the trial. */
  readonly writtenMs: number;
}

/** An item as a consumer gets it. */
export interface ServedValue extends ItemValue {
  /** The tenant that the provider was told it answers. */
  readonly askedFor: string;
}

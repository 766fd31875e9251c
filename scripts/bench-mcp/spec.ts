/** What every tool says, and every resource is. */
export const VALUE = 'x'.repeat(1024);
/** How long the server says that its lasting resource is true, in milliseconds. */
export const KEPT_MS = 3_600_000;

/** What the server has. */
export const names = {
  tool: 'say',
  readOnly: 'say_lasting',
  /** With anything behind it: what is asked for twice at once would be asked for once. */
  resource: 'bench://now',
  lasting: 'bench://lasting',
} as const;

/** What is asked for, again and again. */
export const operations = ['tool', 'resource', 'kept tool', 'kept resource'] as const;

/** One of them. */
export type Operation = (typeof operations)[number];

/** A request of JSON-RPC, without its id; `#` stands for a number that is another each time. */
export interface RpcRequest {
  readonly method: string;
  readonly params: object;
}

/** A load of one operation. */
export interface LoadSpec {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly request: RpcRequest;
  /** What an answer has to have in it. */
  readonly marker: string;
  /** So many calls a second, begun when they are due; or so many under way at any time. */
  readonly load:
    | { readonly kind: 'rate'; readonly perSecond: number }
    | { readonly kind: 'concurrency'; readonly calls: number };
  readonly connections: number;
  readonly durationMs: number;
}

/** What became of it; times from when each call was due, where there is a rate. */
export interface LoadResult {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the process that makes the load, of one core. */
  readonly cpu: number;
  /** How late it began calls, at p99. */
  readonly lateMs: number;
  /** The first answer that was none. */
  readonly fault: string | undefined;
}

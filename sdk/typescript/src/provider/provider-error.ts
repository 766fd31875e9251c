import { Code } from '@connectrpc/connect';

/** What else can be said of a provider's error. */
export interface ProviderErrorOptions {
  /** When to ask again, in milliseconds. Default: asking again will not help. */
  readonly retryDelayMs?: number | undefined;
  /** What caused it; never leaves the process. */
  readonly cause?: unknown;
}

/**
 * Says why a value cannot be had. Its text is shown to callers: no secrets, no addresses.
 *
 * ```ts
 * throw new ProviderError(Code.Unavailable, 'the wiki is in maintenance', { retryDelayMs: 60_000 });
 * ```
 */
export class ProviderError extends Error {
  override readonly name: string = 'ProviderError';
  /** The gRPC status code. */
  readonly code: Code;
  /** When to ask again, in milliseconds. */
  readonly retryDelayMs?: number;

  constructor(code: Code, text: string, options: ProviderErrorOptions = {}) {
    super(text, { cause: options.cause });
    this.code = code in Code ? code : Code.Unknown;
    if (options.retryDelayMs !== undefined) this.retryDelayMs = options.retryDelayMs;
  }
}

import type { ProviderDefinition } from '@weir/sdk/provider';

/** A provider that can be served, with what it holds open until it is disposed of. */
export interface ReadyProvider extends AsyncDisposable {
  /** Give this to `serveProvider`. */
  readonly provider: ProviderDefinition;
}

/** A provider that holds nothing open, or what `close` closes. */
export function readyProvider(
  provider: ProviderDefinition,
  close: () => Promise<void> = async () => {},
): ReadyProvider {
  return { provider, [Symbol.asyncDispose]: close };
}

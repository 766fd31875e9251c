import { createWeir, type Weir } from '@weir/sdk';
import type { Command } from 'commander';
import { findKey, findUrl } from './credentials.ts';
import type { Shell } from './shell.ts';

/** The time a call may take when --timeout does not say; that of Weir's own default deadline. */
export const DEFAULT_TIMEOUT_MS = 10_000;

/** The options that every command takes. */
export interface GlobalOptions {
  readonly url?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly timeout?: number;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** What a command needs to call Weir and to show the answer. */
export interface Call<Options> {
  readonly weir: Weir;
  readonly options: Options & GlobalOptions;
  readonly signal: AbortSignal;
  /** The time that each call may take. */
  readonly timeoutMs: number;
}

/** Finds address and key, and makes a client. */
export async function openClient(
  { env, cwd }: Pick<Shell, 'env' | 'cwd'>,
  { url, keyFile, timeout: timeoutMs = DEFAULT_TIMEOUT_MS }: GlobalOptions,
): Promise<Weir> {
  const sources = { env, cwd, url, keyFile };
  return createWeir({ url: findUrl(sources), key: await findKey(sources), timeoutMs });
}

/** Opens a call with the options of a command and of those above it. */
export async function openCall<Options>(shell: Shell, command: Command): Promise<Call<Options>> {
  const options = command.optsWithGlobals<Options & GlobalOptions>();
  const weir = await openClient(shell, options);
  const timeoutMs = options.timeout ?? DEFAULT_TIMEOUT_MS;
  return { weir, options, signal: shell.signal, timeoutMs };
}

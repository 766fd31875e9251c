import { type ProviderEvent, serveProvider } from '@weir/sdk/provider';
import type { ReadyProvider } from '../ready.ts';
import { findCredentials } from './credentials.ts';
import { commonFlags, type Flag, type FlagValues, helpOf, readFlags, UsageError } from './usage.ts';

/** A provider as a process of its own. */
export interface ProviderProcess {
  /** What it is called in messages, such as `docs`. */
  readonly command: string;
  /** What it does, in a sentence. */
  readonly purpose: string;
  /** The flags that it alone knows. */
  readonly flags: Readonly<Record<string, Flag>>;
  /** Makes the provider; throws an error for people when it cannot. */
  open(values: FlagValues): ReadyProvider;
}

/**
 * Runs a provider until SIGTERM or SIGINT: reads the command line, registers with Weir, and drains.
 * Exit codes: 0 stopped, 1 refused or failed, 2 something on the command line cannot be used.
 */
export async function runProvider(spec: ProviderProcess): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  try {
    await serve(spec, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    say(spec, error instanceof Error ? error.message : String(error));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

async function serve(spec: ProviderProcess, signal: AbortSignal): Promise<void> {
  const flags = { ...spec.flags, ...commonFlags };
  const values = readFlags(flags, process.argv.slice(2), process.env);
  if (!values) {
    const command = `node providers/src/${spec.command}/main.ts`;
    process.stdout.write(helpOf(command, spec.purpose, flags));
    return;
  }
  await using ready = openReady(spec, values);
  const place = { ...listenerOf(values), ...findCredentials(values) };
  const onEvent = (event: ProviderEvent) => say(spec, textOf(event));
  // The same version comes with newer manifests as Weir is developed.
  const options = { ...place, signal, onEvent, replace: true };
  await using running = await serveProvider(ready.provider, options);
  await running.closed;
}

/** What a provider refuses comes from the command line. */
function openReady(spec: ProviderProcess, values: FlagValues): ReadyProvider {
  try {
    return spec.open(values);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function listenerOf({ host, port, 'public-url': publicUrl }: FlagValues) {
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && !(Number.isInteger(number) && number >= 0 && number <= 65_535)) {
    throw new UsageError(`--port ${port} is not a port: give 0 to 65535`);
  }
  return { host, port: number, publicUrl };
}

function textOf({ kind, text, error }: ProviderEvent): string {
  const isNew = error instanceof Error && !text.includes(error.message);
  const cause = isNew ? ` (${error.message})` : '';
  return `${kind}: ${text}${cause}`;
}

function say({ command }: ProviderProcess, text: string): void {
  process.stderr.write(`weir ${command}: ${text.replaceAll('\n', ' ')}\n`);
}

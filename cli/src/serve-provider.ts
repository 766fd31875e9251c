import { type ProviderDefinition, type ProviderEvent, serveProvider } from '@weir/sdk/provider';
import type { Command } from 'commander';
import type { GlobalOptions } from './call.ts';
import { findKey, findUrl } from './credentials.ts';
import { parsePort } from './options.ts';
import type { Shell } from './shell.ts';

/** Where a provider is served. */
export interface ServeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly publicUrl?: string;
}

/** Adds the options that say where a provider is served. */
export function withServeOptions(command: Command): Command {
  return command
    .option('--host <address>', 'the address to listen on (default: 127.0.0.1)')
    .option('--port <port>', 'the port to listen on (default: any free one)', parsePort)
    .option('--public-url <url>', 'the address that routers are told');
}

/** Serves a provider, registered with Weir, until the user interrupts. */
export async function serveUntilStopped(
  provider: ProviderDefinition,
  options: ServeOptions & GlobalOptions,
  { env, cwd, signal, terminal }: Shell,
): Promise<void> {
  const sources = { env, cwd, url: options.url, keyFile: options.keyFile };
  const running = await serveProvider(provider, {
    url: findUrl(sources),
    key: await findKey(sources),
    host: options.host,
    port: options.port,
    publicUrl: options.publicUrl,
    // What was generated again is the same version with another manifest.
    replace: true,
    signal,
    onEvent: (event) => terminal.err(eventText(event)),
  });
  const types = provider.contexts.map(({ type }) => type);
  const shown =
    types.length > 5
      ? `${types.slice(0, 5).join(', ')} and ${types.length - 5} more`
      : types.join(', ');
  terminal.out(
    `serving ${provider.name}@${provider.version} at ${running.url}: ${shown || 'operations'}\n`,
  );
  await running.closed;
}

function eventText({ kind, text, error }: ProviderEvent): string {
  const reason = error instanceof Error ? `: ${error.message}` : '';
  return `${kind}: ${text}${reason}\n`;
}

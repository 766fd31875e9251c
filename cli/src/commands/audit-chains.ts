import { sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import {
  type ExportChainsResponse,
  ExportChainsResponseSchema,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { Command } from 'commander';
import { type SpanOptions, spanOf, spanOptions } from '../audit/span.ts';
import { EXPORT_TIMEOUT_MS, writeOut } from '../audit/write.ts';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import type { Shell } from '../shell.ts';

interface Options extends SpanOptions {
  readonly output: string;
  readonly entries: boolean;
}

/** Adds `weir audit chains`. */
export function addAuditChains(parent: Command, shell: Shell): void {
  const command = parent
    .command('chains')
    .summary('writes what `weir audit verify` needs to a file')
    .description(
      'Writes the chains of records with their signed heads and entries, for `weir audit verify`.\n' +
        'They hold the calls of all tenants, and so need the scope platform; with --no-entries, which\n' +
        'is enough to verify the journal of a router, they do not.',
    )
    .requiredOption('-o, --output <file>', 'the file')
    .option('--no-entries', 'without entries');
  for (const option of spanOptions('all there are')) command.addOption(option);
  command
    .addHelpText(
      'after',
      examples(
        ['weir audit chains -o chains.bin', 'all of them, to be verified elsewhere'],
        ['weir audit chains --no-entries -o heads.bin', 'signed heads: keep them in another place'],
      ),
    )
    .action(async (_options: Options, invoked: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, invoked);
      const { timeout: timeoutMs = EXPORT_TIMEOUT_MS, entries, output } = options;
      const request = { entries, ...spanOf(options) };
      const parts = weir.audit.exportChains(request, { signal, timeoutMs });
      await writeOut(shell, output, encoded(parts));
    });
}

async function* encoded(parts: AsyncIterable<ExportChainsResponse>): AsyncIterable<Uint8Array> {
  for await (const part of parts) yield sizeDelimitedEncode(ExportChainsResponseSchema, part);
}

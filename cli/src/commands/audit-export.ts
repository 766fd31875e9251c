import { ExportFormat } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { type Command, Option } from 'commander';
import { addFilterOptions, type FilterOptions, filterOf } from '../audit/filter.ts';
import { dataOf, EXPORT_TIMEOUT_MS, writeOut } from '../audit/write.ts';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import type { Shell } from '../shell.ts';

interface Options extends FilterOptions {
  readonly format: 'ndjson' | 'csv';
  readonly output?: string;
}

/** Adds `weir audit export`. */
export function addAuditExport(parent: Command, shell: Shell): void {
  const command = parent
    .command('export')
    .summary('writes records to a file')
    .description(
      'Writes the records that a search finds, oldest first: as JSON, a call on each line, with its\n' +
        'place in its chain; or as CSV, an item on each line.',
    );
  addFilterOptions(command)
    .addOption(new Option('--format <format>', 'how').choices(['ndjson', 'csv']).default('ndjson'))
    .option('-o, --output <file>', 'the file (default: standard output)')
    .addHelpText(
      'after',
      examples(
        ['weir audit export --in 2026-05 -o may.ndjson', 'all of May'],
        ['weir audit export --type Customer --in 2026 --format csv -o 2026.csv', 'for a sheet'],
        ['weir audit export --from 1h | jq -r .record.principal | sort | uniq -c', 'who calls'],
      ),
    )
    .action(async (_options: Options, invoked: Command) => {
      const { weir, options, signal } = await openCall<Options>(shell, invoked);
      const format = options.format === 'csv' ? ExportFormat.CSV : ExportFormat.NDJSON;
      const { timeout: timeoutMs = EXPORT_TIMEOUT_MS } = options;
      const request = { filter: filterOf(options), format };
      const parts = weir.audit.exportRecords(request, { signal, timeoutMs });
      await writeOut(shell, options.output, dataOf(parts));
    });
}

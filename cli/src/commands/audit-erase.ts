import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EraseRecordsResponseSchema } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { type Command, Option } from 'commander';
import { parseSpan, type Span } from '../audit/span.ts';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import { present } from '../present.ts';
import { count } from '../render/text.ts';
import type { Shell } from '../shell.ts';

interface Options {
  readonly principal: string;
  readonly before?: Span;
  readonly comment?: string;
  readonly tenant?: string;
  readonly yes?: boolean;
}

/** What the server allows a call at most. */
const ERASE_TIMEOUT_MS = 60_000;

/** Adds `weir audit erase`. */
export function addAuditErase(parent: Command, shell: Shell): void {
  parent
    .command('erase')
    .summary('drops the records of a principal, for good')
    .description(
      'Drops what is recorded of the calls of a principal, for good. The chains can still be\n' +
        'verified, and that it was done is recorded itself. Refused for records that the operator\n' +
        'must keep.',
    )
    .requiredOption('--principal <name>', 'whose records')
    .addOption(
      new Option('--before <time>', 'only calls before then (default: all)').argParser(
        (text: string) => parseSpan(text),
      ),
    )
    .option('--comment <text>', 'why, for the record')
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .option('--yes', 'do it; nothing brings the records back')
    .addHelpText(
      'after',
      examples([
        'weir audit erase --principal user:lin --before 2026 --comment "request 17" --yes',
        'all before 2026',
      ]),
    )
    .action(async (_options: Options, command: Command) => {
      if (!command.opts<Options>().yes) {
        throw usageFailure('Nothing brings erased records back.', 'Add --yes to do it.');
      }
      const { weir, options, signal } = await openCall<Options>(shell, command);
      const { principal, before, comment = '', tenant = '' } = options;
      const { timeout: timeoutMs = ERASE_TIMEOUT_MS } = options;
      const to = before && { to: timestampFromMs(before.fromMs) };
      const request = { principal, comment, tenant, ...to };
      const answer = await weir.audit.eraseRecords(request, { signal, timeoutMs });
      present(shell.terminal, options.json, {
        schema: EraseRecordsResponseSchema,
        message: answer,
        render: () => `erased ${count(Number(answer.records), 'record')}\n`,
      });
    });
}

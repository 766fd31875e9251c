import { ReportKind } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { type Command, Option } from 'commander';
import { type SpanOptions, spanOf, spanOptions } from '../audit/span.ts';
import { dataOf, EXPORT_TIMEOUT_MS, writeOut } from '../audit/write.ts';
import { openCall } from '../call.ts';
import { examples } from '../examples.ts';
import { usageFailure } from '../failure.ts';
import type { Shell } from '../shell.ts';

interface Options extends SpanOptions {
  readonly principal?: string;
  readonly type?: string;
  readonly key?: string;
  readonly language: string;
  readonly tenant?: string;
  readonly output?: string;
}

const kinds: Readonly<Record<string, ReportKind>> = {
  access: ReportKind.ACCESS_REQUEST,
  iso27001: ReportKind.ISO_27001,
  mlps: ReportKind.MLPS,
};

/** The reports that there are. */
export const reportNames: readonly string[] = Object.keys(kinds);

/** The languages of reports. */
export const reportLanguages: readonly string[] = ['en', 'zh-CN', 'zh-TW'];

/** Adds `weir audit report`. */
export function addAuditReport(parent: Command, shell: Shell): void {
  const command = parent
    .command('report')
    .summary('writes a report for people')
    .description(
      'Writes a report, an HTML document that needs nothing else and can be printed: for a request\n' +
        'of access (GDPR article 15) by --principal or by --key, or evidence of access control for\n' +
        'ISO 27001 or MLPS (GB/T 22239-2019). It says whether the records behind it are whole.',
    )
    .argument('<kind>', `which: ${reportNames.join(', ')}`)
    .option('--principal <name>', 'access: what this principal did')
    .option('--type <type>', 'access: who saw items of this type')
    .option('--key <key>', 'access: and of this key');
  for (const option of spanOptions('30 days before the end')) command.addOption(option);
  command
    .addOption(
      new Option('--language <language>', 'its language').choices(reportLanguages).default('en'),
    )
    .option('--tenant <name>', 'another tenant (needs the scope platform)')
    .option('-o, --output <file>', 'the file (default: standard output)')
    .addHelpText(
      'after',
      examples(
        [
          'weir audit report access --type Customer --key 4711 --in 2026-05 -o 4711.html',
          'who saw a record in May',
        ],
        ['weir audit report access --principal user:lin -o lin.html', 'what somebody did'],
        ['weir audit report iso27001 --in 2026 -o iso27001.html', 'for an audit'],
        ['weir audit report mlps --in 2026 --language zh-CN -o dengbao.html', 'in Chinese'],
      ),
    )
    .action((name: string, _options: Options, invoked: Command) => runReport(shell, name, invoked));
}

async function runReport(shell: Shell, name: string, command: Command): Promise<void> {
  const kind = kinds[name];
  if (kind === undefined) {
    throw usageFailure(`There is no report "${name}".`, `There are ${reportNames.join(', ')}.`);
  }
  const { principal = '', type = '', key = '' } = command.opts<Options>();
  if (kind === ReportKind.ACCESS_REQUEST && (principal === '') === (key === '')) {
    throw usageFailure(
      'Whose access?',
      'Give --principal, or --key with its --type; one of the two.',
    );
  }
  const { weir, options, signal } = await openCall<Options>(shell, command);
  const { timeout: timeoutMs = EXPORT_TIMEOUT_MS, language, tenant = '', output } = options;
  const request = { kind, principal, type, key, language, tenant, ...spanOf(options) };
  await writeOut(shell, output, dataOf(weir.audit.createReport(request, { signal, timeoutMs })));
}

import { durationMs } from '@bufbuild/protobuf/wkt';
import { ReportKind } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { Core } from '../../core.ts';
import type { Audit } from '../audit.ts';
import { retentionDefaultMs } from '../audit-keepers.ts';
import { findAll } from '../scan.ts';
import type { RecordMatch } from '../terms.ts';
import { accessSections } from './access.ts';
import { shownTime } from './calls.ts';
import { type Control, isoSections, mlpsSections } from './control.ts';
import { createGathering, type Evidence } from './evidence.ts';
import { type Html, html } from './html.ts';
import { documentFoot, documentHead, facts, paragraph, section, table } from './page.ts';
import { type ChainProof, proveChains } from './proof.ts';
import { readRights } from './rights.ts';
import { filled } from './words/languages.ts';
import type { ReportWords } from './words/words.ts';

/** What to report. */
export interface ReportSpec {
  readonly kind: ReportKind;
  /** The records that it is made of. */
  readonly match: RecordMatch;
  readonly madeBy: string;
  readonly words: ReportWords;
}

/** Writes a report, piece by piece. */
export async function* writeReport(
  { core, audit }: { readonly core: Core; readonly audit: Audit },
  spec: ReportSpec,
  signal: AbortSignal,
): AsyncGenerator<Html> {
  const { words, match } = spec;
  const gathering = createGathering();
  for await (const part of findAll(audit.records, { match, order: 'oldest' }, signal)) {
    for (const found of part) gathering.add(found);
  }
  const { evidence } = gathering;
  const nowMs = core.clock.wallMs();
  const proof = await proveChains(audit.records, match, nowMs);
  yield documentHead({ lang: words.lang, ...headingOf(spec) });
  yield facts(metaOf(spec, nowMs));
  yield* spec.kind === ReportKind.ACCESS_REQUEST
    ? accessSections(evidence, words)
    : controlSections(spec, await controlOf({ core, audit }, { evidence, match, nowMs }));
  yield proofSection(proof, evidence, words);
  yield documentFoot([words.notes.noValues, words.notes.times]);
}

function controlSections({ kind, words }: ReportSpec, control: Control): Iterable<Html> {
  return kind === ReportKind.MLPS ? mlpsSections(control, words) : isoSections(control, words);
}

async function controlOf(
  { core, audit }: { core: Core; audit: Audit },
  { evidence, match, nowMs }: { evidence: Evidence; match: RecordMatch; nowMs: number },
): Promise<Control> {
  const tenant = await core.store.tenant(match.tenant);
  const retention = tenant?.auditRetention;
  return {
    evidence,
    nowMs,
    rights: await readRights(core.store, match.tenant),
    retentionMs: retention ? durationMs(retention) : retentionDefaultMs,
    minRetentionMs: audit.minRetentionMs,
  };
}

function headingOf({ kind, match, words }: ReportSpec): { title: string; text: string } {
  const { access, iso, mlps } = words;
  if (kind === ReportKind.ISO_27001) return { title: iso.title, text: iso.law };
  if (kind === ReportKind.MLPS) return { title: mlps.title, text: mlps.law };
  const about = match.principal === '' ? access.aboutKey : access.aboutPrincipal;
  return { title: `${access.title}: ${filled(about, { name: aboutOf(match) })}`, text: access.law };
}

function metaOf({ match, words, madeBy, kind }: ReportSpec, nowMs: number): [string, string][] {
  const { facts: names } = words;
  const about: [string, string][] =
    kind === ReportKind.ACCESS_REQUEST ? [[names.about, aboutOf(match)]] : [];
  return [
    [names.tenant, match.tenant],
    ...about,
    [names.from, shownTime(match.fromMs)],
    [names.to, shownTime(match.toMs)],
    [names.made, shownTime(nowMs)],
    [names.madeBy, madeBy],
  ];
}

function aboutOf({ principal, type, key }: RecordMatch): string {
  if (principal !== '') return principal;
  return type === '' ? key : `${type}/${key}`;
}

/** Chains that hold none of the records are verified too, and told when something is wrong. */
function proofSection(
  proof: readonly ChainProof[],
  { byChain }: Evidence,
  words: ReportWords,
): Html {
  const { columns, notes, proof: said } = words;
  const records = new Map(byChain.top('calls', Number.MAX_SAFE_INTEGER));
  const rows = proof
    .filter(({ chain, fault }) => records.has(chain) || fault !== undefined)
    .map(({ chain, writer, anchors, fault }) => [
      html`<code>${chain}</code>`,
      writer,
      records.get(chain)?.calls ?? 0,
      anchors,
      fault === undefined
        ? html`<span class="good">${said.whole}</span>`
        : html`<span class="bad">${fault}</span>`,
    ]);
  const titles = [
    { title: columns.chain },
    { title: columns.writer },
    { title: columns.records, kind: 'number' as const },
    { title: columns.anchors, kind: 'number' as const },
    { title: columns.state },
  ];
  return section(
    said.title,
    paragraph(said.text),
    table(titles, rows, notes.nothing),
    paragraph(said.limits),
  );
}

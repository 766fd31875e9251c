import { totals } from './access.ts';
import { callTable } from './calls.ts';
import { itemCounts } from './counts.ts';
import { type Evidence, SHOWN_MAX } from './evidence.ts';
import { type Html, joined } from './html.ts';
import { facts, paragraph, section, subtitle, table } from './page.ts';
import {
  isPrivileged,
  isUsable,
  keyTable,
  policyTable,
  principalTable,
  type Rights,
} from './rights.ts';
import { filled } from './words/languages.ts';
import type { Clause, ReportWords } from './words/words.ts';

const DAY_MS = 86_400_000;
const ADMINISTRATION_ROWS_MAX = 1000;

/** What evidence of access control is made of. */
export interface Control {
  readonly evidence: Evidence;
  readonly rights: Rights;
  readonly retentionMs: number;
  readonly minRetentionMs: number;
  readonly nowMs: number;
}

/** Evidence in the order of ISO/IEC 27001:2022, annex A. */
export function* isoSections(control: Control, words: ReportWords): Generator<Html> {
  const { iso, columns, facts: names } = words;
  const { evidence, rights } = control;
  const privileged = rights.keys.filter(isPrivileged);
  yield facts(totals(evidence, words));
  yield clause(
    iso.a515,
    subtitle(names.policies),
    policyTable(rights.policies, words),
    subtitle(columns.rules),
    ...itemCounts(columns.rule, evidence.byRule, words),
  );
  yield clause(
    iso.a518,
    keyFacts(control, words),
    subtitle(columns.key),
    ...keyTable(rights.keys, words),
  );
  yield clause(
    iso.a82,
    subtitle(names.privilegedKeys),
    ...keyTable(privileged, words),
    ...administration(evidence, words),
  );
  yield clause(
    iso.a83,
    ...itemCounts(columns.type, evidence.byType, words),
    ...itemCounts(columns.sensitivity, evidence.bySensitivity, words),
  );
  yield clause(
    iso.a815,
    kept(control, words),
    reasons(evidence, words),
    byCredential(evidence, words),
  );
}

/** Evidence in the order of GB/T 22239-2019, level 3. */
export function* mlpsSections(control: Control, words: ReportWords): Generator<Html> {
  const { mlps, columns } = words;
  const { evidence, rights, nowMs } = control;
  yield facts(totals(evidence, words));
  yield clause(mlps.accounts, ...principalTable(rights.principals, words));
  yield clause(mlps.defaults);
  const stale = rights.keys.filter((key) => !isUsable(key, nowMs));
  yield clause(mlps.stale, keyFacts(control, words), ...keyTable(stale, words));
  yield clause(mlps.least, ...keyTable(rights.keys.filter(isPrivileged), words));
  yield clause(mlps.authorised, policyTable(rights.policies, words));
  yield clause(mlps.grain, ...itemCounts(columns.type, evidence.byType, words));
  yield clause(mlps.labels, ...itemCounts(columns.sensitivity, evidence.bySensitivity, words));
  yield clause(mlps.audit, byPrincipal(evidence, words), byCredential(evidence, words));
  yield clause(mlps.content, callTable(evidence.sample, words, SHOWN_MAX));
  yield clause(mlps.protection, kept(control, words));
  yield clause(mlps.process, reasons(evidence, words), ...administration(evidence, words));
}

function clause({ title, text }: Clause, ...parts: readonly Html[]): Html {
  return section(title, paragraph(text), ...parts);
}

function keyFacts({ rights, nowMs }: Control, { facts: names }: ReportWords): Html {
  const { keys, principals, policies } = rights;
  const usable = keys.filter((key) => isUsable(key, nowMs));
  return facts([
    [names.principals, principals.length],
    [names.disabledPrincipals, principals.filter(({ disabled }) => disabled).length],
    [names.keys, usable.length],
    [names.privilegedKeys, usable.filter(isPrivileged).length],
    [names.revokedKeys, keys.length - usable.length],
    [names.policies, policies.length],
    [names.rules, policies.reduce((sum, { rules }) => sum + rules, 0)],
  ]);
}

function kept({ evidence, retentionMs, minRetentionMs }: Control, words: ReportWords): Html {
  const { facts: names } = words;
  const days = (ms: number) => filled(words.words.days, { n: Math.floor(ms / DAY_MS) });
  return facts([
    [names.records, evidence.calls],
    [names.retention, days(retentionMs)],
    [names.minRetention, days(minRetentionMs)],
    [names.administration, evidence.administrationCalls],
  ]);
}

function administration(evidence: Evidence, words: ReportWords): readonly Html[] {
  const { administration: calls, administrationCalls: all } = evidence;
  const n = Math.min(calls.length, ADMINISTRATION_ROWS_MAX);
  const shown = callTable(calls.slice(0, n), words, ADMINISTRATION_ROWS_MAX);
  const title = subtitle(words.facts.administration);
  return all > n ? [title, shown, paragraph(filled(words.notes.cut, { n, all }))] : [title, shown];
}

function byPrincipal({ byPrincipal: counts }: Evidence, words: ReportWords): Html {
  const { columns, notes } = words;
  const rows = counts
    .top('calls', 50)
    .map(([name, each]) => [name || words.words.nobody, each.calls, each.allowed, each.denied]);
  const titles = [
    { title: columns.principal },
    { title: columns.calls, kind: 'number' as const },
    { title: columns.allowed, kind: 'number' as const },
    { title: columns.denied, kind: 'number' as const },
  ];
  return table(titles, rows, notes.nothing);
}

function reasons({ byReason }: Evidence, words: ReportWords): Html {
  const { columns, notes } = words;
  if (byReason.names === 0) return joined([]);
  const rows = byReason
    .top('items', 50)
    .map(([name, each]) => [name || words.words.none, each.calls, each.items]);
  const titles = [
    { title: columns.reason },
    { title: columns.calls, kind: 'number' as const },
    { title: columns.items, kind: 'number' as const },
  ];
  return table(titles, rows, notes.nothing);
}

function byCredential({ byAuthentication }: Evidence, { words, facts: names }: ReportWords): Html {
  const kinds: Readonly<Record<string, string>> = words;
  const pairs = byAuthentication
    .top('calls', 10)
    .map(([kind, { calls }]) => `${kinds[kind || 'nobody'] ?? kind}: ${calls}`);
  return facts([[names.authentication, pairs.join(', ') || words.none]]);
}

import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { CheckPoliciesResponse, PolicySummary } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import { painter } from '../terminal.ts';
import { renderTable, type Screen } from './table.ts';
import { count, oneLine } from './text.ts';
import { formatTime } from './time.ts';

/** A policy and its version, such as `hr, version 3`. */
export function nameAndVersion(policy: Policy | undefined): string {
  return `${oneLine(policy?.manifest?.name ?? '')}, version ${policy?.version ?? 0}`;
}

/** Renders the policies in force. */
export function renderPolicies(policies: readonly PolicySummary[], screen: Screen): string {
  if (policies.length === 0) return 'No policies: nothing is allowed.\n';
  const columns = [
    { title: 'name' },
    { title: 'version', right: true },
    { title: 'rules', right: true },
    { title: 'in force since' },
    { title: 'author', shrinks: true },
    { title: 'title', shrinks: true },
    { title: 'comment', shrinks: true },
  ];
  const rows = policies.map((each) => [
    each.name,
    String(each.version),
    String(each.rules),
    formatTime(each.createTime),
    each.author,
    each.title,
    each.comment,
  ]);
  return renderTable(columns, rows, screen);
}

/** Renders the versions of a policy. */
export function renderVersions(versions: readonly PolicySummary[], screen: Screen): string {
  const columns = [
    { title: 'version', right: true },
    { title: 'in force' },
    { title: 'rules', right: true },
    { title: 'since' },
    { title: 'author', shrinks: true },
    { title: 'comment', shrinks: true },
    { title: 'etag' },
  ];
  const rows = versions.map((each) => [
    String(each.version),
    each.inForce ? 'yes' : '',
    String(each.rules),
    formatTime(each.createTime),
    each.author,
    each.comment,
    each.etag,
  ]);
  return renderTable(columns, rows, screen);
}

/** Renders what came of a check. */
export function renderCheck(answer: CheckPoliciesResponse, screen: Screen): string {
  const paint = painter(screen);
  const lines = answer.policies.flatMap((policy) => {
    const { name = '', rules = [] } = policy.manifest ?? {};
    const good = `${paint('green', 'ok')} ${paint('bold', oneLine(name))}  ${count(rules.length, 'rule')}; would be version ${policy.version}`;
    const remarks = answer.remarks.filter((remark) => remark.policy === name);
    return [
      good,
      ...remarks.map(({ rule, text }) => `  ${oneLine(rule ? `${rule}: ${text}` : text)}`),
    ];
  });
  return lines.map((line) => `${line}\n`).join('');
}

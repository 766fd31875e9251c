import type { ContextRef } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Decision } from '@weir/sdk/gen/weir/policy/v1/service_pb';
import type {
  ExplainResponse,
  ExplainStep,
  Explanation,
  QualityReport,
  RouteCandidate,
  SnapshotStatus,
  StageTiming,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { renderReasons } from './decisions.ts';
import { reasonName } from './names.ts';
import { renderOutcomeHead } from './outcome.ts';
import { renderTable, type Screen } from './table.ts';
import { indent, oneLine } from './text.ts';
import { formatDuration } from './time.ts';

/** Renders why each ref was answered as it was. */
export function renderExplain(
  answer: ExplainResponse,
  refs: readonly ContextRef[],
  screen: Screen,
): string {
  const parts = refs.map((ref, at) => renderOne(ref, answer.explanations[at], screen));
  return [...parts, renderFooter(answer.stages, answer.snapshot)].join('\n');
}

function renderOne(ref: ContextRef, explanation: Explanation | undefined, screen: Screen): string {
  if (explanation?.result === undefined) return `${ref.type}/${ref.key}: not explained\n`;
  const { result, typeVersion, candidates, steps, quality, decision } = explanation;
  const version = typeVersion === '' ? 'none' : `${ref.type} ${typeVersion}`;
  return [
    renderOutcomeHead({ ref, result }, screen),
    `  type version  ${oneLine(version)}\n`,
    decision === undefined ? '' : section('policy', renderPolicy(decision)),
    section('candidates', renderCandidates(candidates, inner(screen))),
    section('steps', renderSteps(steps, inner(screen))),
    quality === undefined ? '' : section('quality', renderQuality(quality)),
  ].join('');
}

/** Whether it is allowed; why is told to administrators alone. */
function renderPolicy(decision: Decision): string {
  const word = decision.effect === Effect.ALLOW ? 'allowed' : 'denied';
  return `${word}\n${renderReasons(decision)}`;
}

function renderCandidates(candidates: readonly RouteCandidate[], screen: Screen): string {
  if (candidates.length === 0) return 'none\n';
  const columns = [
    { title: 'provider' },
    { title: 'offers' },
    { title: 'tried' },
    { title: 'endpoints' },
    { title: 'why', shrinks: true },
  ];
  const rows = candidates.map((candidate) => [
    `${candidate.provider}@${candidate.providerVersion}`,
    candidate.typeVersion,
    candidate.tried ? 'yes' : 'no',
    `${candidate.healthyEndpoints} of ${candidate.knownEndpoints} up`,
    candidate.text,
  ]);
  return renderTable(columns, rows, screen);
}

function renderSteps(steps: readonly ExplainStep[], screen: Screen): string {
  if (steps.length === 0) return 'none\n';
  const columns = [
    { title: 'at', right: true },
    { title: 'stage' },
    { title: 'what', shrinks: true },
    { title: 'reason' },
  ];
  const rows = steps.map((step) => [
    formatDuration(step.at),
    step.stage,
    step.text,
    step.reason === 0 ? '' : reasonName(step.reason),
  ]);
  return renderTable(columns, rows, screen);
}

/** The score and its parts on one line, and what lowered them below. */
function renderQuality(report: QualityReport): string {
  const { score, validity, freshness, completeness, record, judgement, notes } = report;
  const parts = Object.entries({ validity, freshness, completeness, record, judgement })
    .flatMap(([name, share]) => (share === undefined ? [] : [`${name} ${shareText(share)}`]))
    .join(' × ');
  return [`${shareText(score)} = ${parts}`, ...notes.map(oneLine)]
    .map((line) => `${line}\n`)
    .join('');
}

function shareText(share: number): string {
  return String(Math.round(share * 1000) / 1000);
}

function renderFooter(
  stages: readonly StageTiming[],
  snapshot: SnapshotStatus | undefined,
): string {
  const times = stages.map((stage) => `${oneLine(stage.stage)} ${formatDuration(stage.duration)}`);
  const lines = times.length === 0 ? [] : [`Stages: ${times.join(', ')}.`];
  if (snapshot !== undefined) {
    lines.push(
      `Snapshot: revision ${snapshot.revision} of ${oneLine(snapshot.epoch)}, ` +
        `confirmed ${formatDuration(snapshot.age)} ago.`,
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}

function section(title: string, body: string): string {
  return `  ${title}\n${indent(body, '    ')}`;
}

function inner(screen: Screen): Screen {
  return { ...screen, columns: screen.columns === undefined ? undefined : screen.columns - 4 };
}

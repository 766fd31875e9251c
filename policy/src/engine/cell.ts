import type { JsonValue } from '@bufbuild/protobuf';
import { canonicalJson } from '../canonical-json.ts';
import type { Read } from '../condition/fields.ts';
import { Scene, type SubjectFacts } from '../condition/scene.ts';
import type { ActionName, Cell } from '../model.ts';
import { type Budget, keptCellUnits, keptKernelUnits, spend } from './budget.ts';
import { type Candidate, candidateOf, type Outcome, outcomeOf } from './candidate.ts';
import type { IndexedRule } from './indexed-rule.ts';
import { isBound, Kernel } from './kernel.ts';
import type { SelectionContext } from './selection.ts';
import { cellRulesMax, cellStepsMax, stepsOf } from './steps.ts';
import { tooManyRules, tooManySteps } from './too-much.ts';

/** What a cell is for. */
export interface CellName {
  readonly subject: SubjectFacts;
  readonly action: ActionName;
  readonly type: string;
}

/** Makes cells; those whose rules and subjects are alike share what decides, and what it remembers. */
export interface CellMaker {
  make(name: CellName, rules: readonly IndexedRule[]): Cell;
}

/** Makes a maker of cells. One serves all indexes of a process: rules are told apart for good. */
export function createCellMaker(context: SelectionContext, cells: Budget): CellMaker {
  let kernels = new Map<string, Kernel>();
  let { epoch } = cells;
  return {
    make(name, rules) {
      if (epoch !== cells.epoch) kernels = new Map();
      epoch = cells.epoch;
      if (rules.length > cellRulesMax) return tooManyRulesCell;
      const candidates = rules.map(candidateOf);
      if (stepsOf(candidates, name.subject.size) > cellStepsMax) return tooManyStepsCell;
      const scene = new Scene(name.subject, name.action, name.type);
      const { kept, visible, reads } = judge(candidates, scene);
      const id = kernelId(name, kept);
      const held = kernels.get(id);
      const kernel = held ?? new Kernel(kept, scene, context);
      if (!held) kernels.set(id, kernel);
      spend(cells, held ? keptCellUnits : keptCellUnits + keptKernelUnits + kept.length);
      return {
        visible,
        reads,
        decide: (facts, resource, item) => kernel.decide(facts, resource, item),
      };
    },
  };
}

/** Where there is too much to be looked at nothing is allowed. */
const tooManyRulesCell: Cell = { visible: false, reads: [], decide: () => tooManyRules };
const tooManyStepsCell: Cell = { visible: false, reads: [], decide: () => tooManySteps };

interface Judged {
  readonly kept: readonly Candidate[];
  readonly visible: boolean;
  readonly reads: readonly string[];
}

/**
 * Decides of each rule what can be decided from the subject, the action and the type: what never
 * applies is left out, and what always does loses its condition.
 */
function judge(candidates: readonly Candidate[], scene: Scene): Judged {
  const sorted = candidates.toSorted((a, b) => (a.rule.id < b.rule.id ? -1 : 1));
  const all = sorted.map((candidate) => ({
    candidate,
    outcome: outcomeOf(candidate, scene),
  }));
  const kept = all.filter(({ outcome }) => outcome !== 'not');
  return {
    kept: kept.map(({ candidate, outcome }) =>
      outcome === 'applies' ? { ...candidate, condition: undefined } : candidate,
    ),
    visible:
      kept.some(({ candidate, outcome }) => mayAllow(candidate, outcome)) &&
      !kept.some(({ candidate, outcome }) => alwaysDenies(candidate, outcome)),
    reads: readNames(all),
  };
}

function mayAllow({ rule }: Candidate, outcome: Outcome): boolean {
  return rule.effect === 'allow' && outcome !== 'failed';
}

function alwaysDenies(candidate: Candidate, outcome: Outcome): boolean {
  if (isBound(candidate)) return false;
  return outcome === 'failed' || (outcome === 'applies' && candidate.rule.effect === 'deny');
}

/** Of what never applies to the subject only what was read of the subject matters. */
function readNames(
  all: readonly { readonly candidate: Candidate; readonly outcome: Outcome }[],
): readonly string[] {
  const names = new Set<string>();
  for (const { candidate, outcome } of all) {
    for (const { variable, name } of candidate.condition?.reads ?? []) {
      if (outcome === 'open' || variable === 'subject') names.add(name);
    }
    const resources = outcome === 'not' ? undefined : candidate.rule.source.resources;
    if ((resources?.keys.length ?? 0) > 0) names.add('resource.key');
    if ((resources?.providers.length ?? 0) > 0) names.add('resource.provider');
  }
  return [...names].sort();
}

/** Equal for cells that decide alike: the same rules, and the same of all that they read. */
function kernelId(name: CellName, candidates: readonly Candidate[]): string {
  const values = new Map<string, string>();
  for (const { condition } of candidates) {
    for (const read of condition?.reads ?? []) {
      if (values.has(read.id)) continue;
      const value = constantOf(read, name);
      if (value !== undefined) values.set(read.id, canonicalJson(value));
    }
  }
  // A rule whose condition was decided beforehand is another one than with it.
  const marks = candidates.map(({ rule, condition }) => (condition ? rule.serial : -rule.serial));
  const read = [...values].map(([field, value]) => `${field}=${value}`).sort();
  const { size, tooLarge } = name.subject;
  return `${marks.join()} ${tooLarge} ${size.values} ${size.longest} ${read.join('\n')}`;
}

/** What a read comes to within a cell. Undefined: that differs from call to call. */
function constantOf(
  { variable, field, path }: Read,
  { subject, action, type }: CellName,
): JsonValue | undefined {
  if (variable === 'action') return action;
  if (variable === 'resource') return field === 'type' ? type : undefined;
  if (variable !== 'subject' || field === 'purpose') return undefined;
  if (field === 'clearance') return String(subject.clearance);
  if (field === 'attributes') return attributeAt(subject.attributes, path);
  return subject[field as 'tenant' | 'roles'] as JsonValue;
}

/** The value at a path in a list, or an empty list when there is none. */
function attributeAt(attributes: JsonValue, path: readonly string[]): JsonValue {
  let value = attributes;
  for (const step of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return [];
    value = (value as Record<string, JsonValue>)[step] ?? null;
  }
  return [value];
}

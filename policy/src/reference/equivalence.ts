import type { Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Cell, PolicyIndex, Verdict } from '../model.ts';
import { createSubject, type SubjectSource } from '../subject.ts';
import { createRandom, type Random } from './random.ts';
import { askedAgain, randomRequest, randomSubjects } from './random-requests.ts';
import { randomPolicies, randomPolicy } from './random-rules.ts';
import { createReference, obligationText, type Reference } from './reference.ts';
import type { ReferenceRequest, ReferenceVerdict } from './reference-model.ts';

/** Makes an index of policies from the one before: the engine, or one with a fault planted in it. */
export type Indexer = (policies: readonly Policy[], before?: PolicyIndex) => PolicyIndex;

/** What to compare. */
export interface EquivalenceOptions {
  /** Cases of up to 50 rules: one case is one request under one rule set. */
  readonly cases: number;
  /** Cases of up to 5000 rules. */
  readonly largeCases: number;
  readonly seed: number;
  readonly indexer: Indexer;
  /** Told of disagreements, and now and then of how many cases are done. */
  readonly onDisagreement?: (text: string) => void;
  readonly onProgress?: (cases: number) => void;
}

/** What was found. */
export interface EquivalenceReport {
  readonly cases: number;
  readonly largeCases: number;
  readonly disagreements: number;
  /** Of all cases: a comparison of nothing but denials would prove little. */
  readonly allowed: number;
  readonly denied: number;
  readonly failed: number;
  readonly conditional: number;
  readonly obliged: number;
}

const smallRules = 50;
const largeRules = 5000;
/** How many requests a rule set decides before one of its policies changes, and after. */
const requestsPerStep = { small: 20, large: 4 };
const stepsPerSet = 3;
const subjectsPerSet = 5;

/**
 * Compares the engine with the reference. Each rule set is asked many times, at times that move
 * to and fro, and goes on being asked after policies of it are replaced, so that a memo or an index
 * that keeps too much shows.
 */
export async function compareWithReference(
  options: EquivalenceOptions,
): Promise<EquivalenceReport> {
  const random = createRandom(options.seed);
  const tally = { disagreements: 0, allowed: 0, denied: 0, failed: 0, conditional: 0, obliged: 0 };
  const done = { small: 0, large: 0 };
  const wanted = { small: options.cases, large: options.largeCases };
  for (const size of ['small', 'large'] as const) {
    while (done[size] < wanted[size]) {
      const most = wanted[size] - done[size];
      const rules = 1 + random.below(size === 'small' ? smallRules : largeRules);
      const compared = await compareRuleSet(random, { rules, most, size, options, tally });
      done[size] += compared;
      options.onProgress?.(done.small + done.large);
    }
  }
  return { cases: done.small, largeCases: done.large, ...tally };
}

interface RuleSetRun {
  readonly rules: number;
  readonly most: number;
  readonly size: 'small' | 'large';
  readonly options: EquivalenceOptions;
  readonly tally: { -readonly [Key in keyof EquivalenceReport]?: number } & Tally;
}

interface Tally {
  disagreements: number;
  allowed: number;
  denied: number;
  failed: number;
  conditional: number;
  obliged: number;
}

async function compareRuleSet(
  random: Random,
  { rules, most, size, options, tally }: RuleSetRun,
): Promise<number> {
  const shape = { rules, policies: 1 + random.below(Math.min(4, rules)) };
  const subjects = randomSubjects(random, subjectsPerSet);
  let policies = randomPolicies(random, shape);
  let index = options.indexer(policies);
  const asked: ReferenceRequest[] = [];
  let done = 0;
  for (let step = 0; step < stepsPerSet && done < most; step += 1) {
    if (step > 0) {
      policies = changed(random, policies);
      index = options.indexer(policies, index);
    }
    const reference = await createReference(policies);
    const count = Math.min(requestsPerStep[size], most - done);
    for (const request of moreRequests(random, subjects, { asked, count })) {
      compareCase({ index, reference, request, random }, options, tally);
      done += 1;
    }
  }
  return done;
}

/** Adds new requests, and some that were asked before. */
function moreRequests(
  random: Random,
  subjects: readonly SubjectSource[],
  { asked, count }: { asked: ReferenceRequest[]; count: number },
): readonly ReferenceRequest[] {
  const from = asked.length;
  while (asked.length < from + count) {
    const isNew = asked.length === 0 || random.chance(0.4);
    asked.push(
      isNew ? randomRequest(random, subjects) : askedAgain(random, random.pick(asked), subjects),
    );
  }
  return asked.slice(from);
}

/** Replaces, adds or removes a policy. */
function changed(random: Random, policies: readonly Policy[]): Policy[] {
  const at = random.below(policies.length);
  const rules = policies[at]?.manifest?.rules.length ?? 1;
  if (random.chance(0.2)) {
    const taken = policies.map(({ manifest }) => Number(manifest?.name.slice(1)));
    const name = `p${Math.max(...taken) + 1}`;
    return [...policies, randomPolicy(random, name, 1 + random.below(10))];
  }
  if (policies.length > 1 && random.chance(0.2)) return policies.toSpliced(at, 1);
  return policies.with(at, randomPolicy(random, policies[at]?.manifest?.name ?? 'p0', rules));
}

interface Case {
  readonly index: PolicyIndex;
  readonly reference: Reference;
  readonly request: ReferenceRequest;
  readonly random: Random;
}

function compareCase(
  { index, reference, request, random }: Case,
  options: EquivalenceOptions,
  tally: Tally,
): void {
  const { action, type, resource, facts, item } = request;
  const cell = index.cell(createSubject(request.subject), action, type);
  const expected = reference.decide(request);
  const decide = {
    bare: () => cell.decide(facts, resource, undefined),
    full: () => cell.decide(facts, resource, item),
  };
  // In either order: what one remembers is not the other's.
  const early = random.chance(0.5) ? decide.bare() : undefined;
  const full = decide.full();
  const bare = early ?? decide.bare();
  const faults = [
    ...faultsOf(full, expected),
    ...bareFaultsOf(bare, expected),
    ...cellFaults(cell, expected),
  ];
  count(tally, expected, bare);
  if (faults.length === 0) return;
  tally.disagreements += 1;
  options.onDisagreement?.(`${faults.join('; ')}: ${show({ request, expected, full, bare })}`);
}

function count(tally: Tally, expected: ReferenceVerdict, bare: Verdict): void {
  if (expected.effect === 'allow') tally.allowed += 1;
  else tally.denied += 1;
  if (expected.failed) tally.failed += 1;
  if (expected.obligations.length > 0) tally.obliged += 1;
  if (bare.effect === 'conditional') tally.conditional += 1;
}

function faultsOf(verdict: Verdict, expected: ReferenceVerdict): string[] {
  return [
    ...(verdict.effect === expected.effect ? [] : ['effect']),
    ...(same(verdict.rules, expected.rules) ? [] : ['rules']),
    ...((verdict.failed !== undefined) === expected.failed ? [] : ['failed']),
    ...obligationFaults(verdict, expected),
  ];
}

/** Without the item: what is decided must come out so with any item; the record may be shorter. */
function bareFaultsOf(verdict: Verdict, expected: ReferenceVerdict): string[] {
  if (verdict.effect === 'conditional') {
    return expected.readsItem ? [] : ['conditional although nothing reads the item'];
  }
  return [
    ...(verdict.effect === expected.effect ? [] : ['effect without the item']),
    ...(verdict.effect === 'deny' || same(verdict.rules, expected.rules)
      ? []
      : ['rules without the item']),
    ...obligationFaults(verdict, expected).map((fault) => `${fault} without the item`),
  ];
}

function obligationFaults({ obligations }: Verdict, expected: ReferenceVerdict): string[] {
  const purposes = obligations.purposes.map((one) => JSON.stringify(one)).sort();
  return [
    ...(same(obligations.list.map(obligationText).sort(), expected.obligations)
      ? []
      : ['obligations']),
    ...(obligations.maxAgeMs === expected.maxAgeMs ? [] : ['age']),
    ...(same(purposes, expected.purposes) ? [] : ['purposes']),
    ...(obligations.changesValues === expected.changesValues ? [] : ['changes']),
  ];
}

function cellFaults(cell: Cell, expected: ReferenceVerdict): string[] {
  return expected.effect === 'allow' && !cell.visible ? ['allowed, and not visible'] : [];
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}

function show(value: unknown): string {
  return JSON.stringify(value, (_name, held) => (typeof held === 'bigint' ? String(held) : held));
}

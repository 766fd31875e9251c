import { windowOfAll } from '../condition/clock.ts';
import type { Scene } from '../condition/scene.ts';
import type { CallFacts, ItemFacts, Verdict } from '../model.ts';
import { type Budget, mapUnits, spend, textUnits, verdictUnits } from './budget.ts';
import { type Candidate, type Outcome, outcomeOf } from './candidate.ts';
import { createEnforcer, type Enforce } from './enforcer.ts';
import { isTooLong, type Level, levelsOf, type ResourceName } from './memo-levels.ts';
import { noObligations, type ObligationSets } from './obligation-sets.ts';
import { decisionStepsMax, stepsOf } from './steps.ts';
import { tooCostly, tooLong, tooManyObligations } from './too-much.ts';

/** What selections share. */
export interface SelectionContext {
  readonly budget: Budget;
  readonly obligationSets: ObligationSets;
}

/** What the rules of a selection came to, in their order, and why the first that failed did. */
interface Found {
  readonly outcomes: readonly Outcome[];
  readonly failed: string | undefined;
}

/** A verdict, or the next level of the memo. */
type Memo = Verdict | Map<unknown, Memo>;

/** How many verdicts a selection keeps to give again. */
const verdictsKept = 256;
const marks: Readonly<Record<Outcome, string>> = { applies: 'a', not: 'n', open: 'o', failed: 'f' };

function unitsOf(value: unknown): number {
  return typeof value === 'string' ? textUnits(value) : 1;
}

const conditional: Verdict = {
  effect: 'conditional',
  rules: [],
  obligations: noObligations,
  failed: undefined,
};

/**
 * The rules that may apply to some resources of a type, which all name the same ones: decides
 * them, and remembers. Of the hot path.
 */
export class Selection {
  readonly #candidates: readonly Candidate[];
  readonly #scene: Scene;
  readonly #context: SelectionContext;
  readonly #callLevels: readonly Level[];
  readonly #allLevels: readonly Level[];
  readonly #isTooCostly: boolean;
  /** Made with the first decision. */
  #enforce: Enforce<Found> | undefined;
  /** Without an item, and with one. */
  #bare: Memo | undefined;
  #full: Memo | undefined;
  /** What is remembered holds in this epoch, and in this span of time. */
  #epoch = -1;
  #fromMs = 0;
  #untilMs = 0;
  /** By what each rule came to: what Casbin said of it does not change. */
  readonly #verdicts = new Map<string, Verdict>();

  constructor(candidates: readonly Candidate[], scene: Scene, context: SelectionContext) {
    this.#candidates = candidates;
    this.#scene = scene;
    this.#context = context;
    const levels = levelsOf(candidates.flatMap((one) => one.condition?.reads ?? []));
    this.#callLevels = levels.call;
    this.#allLevels = [...levels.call, ...levels.item];
    this.#isTooCostly = stepsOf(candidates, scene.size) > decisionStepsMax;
  }

  /** Decides. Never throws. */
  decide(facts: CallFacts, resource: ResourceName, item: ItemFacts | undefined): Verdict {
    const { nowMs } = facts;
    if (
      this.#epoch !== this.#context.budget.epoch ||
      nowMs < this.#fromMs ||
      nowMs >= this.#untilMs
    ) {
      this.#forget(nowMs);
    }
    const bare = item === undefined;
    const levels = bare ? this.#callLevels : this.#allLevels;
    let memo = bare ? this.#bare : this.#full;
    for (let depth = 0; depth < levels.length && memo !== undefined; depth += 1) {
      memo = (memo as Map<unknown, Memo>).get(levels[depth]?.(facts, resource, item));
    }
    if (memo !== undefined) return memo as Verdict;
    if (this.#isTooCostly) return tooCostly;
    if (levels.some((level) => isTooLong(level(facts, resource, item)))) return tooLong;
    const verdict = this.#decideAnew(facts, resource, item);
    this.#remember(verdict, { facts, resource, item });
    return verdict;
  }

  #forget(nowMs: number): void {
    const clock = this.#candidates.flatMap((one) => one.condition?.clock ?? []);
    const window = windowOfAll(clock, nowMs);
    this.#epoch = this.#context.budget.epoch;
    this.#fromMs = window.fromMs;
    this.#untilMs = window.untilMs;
    this.#bare = undefined;
    this.#full = undefined;
  }

  #remember(
    verdict: Verdict,
    {
      facts,
      resource,
      item,
    }: { facts: CallFacts; resource: ResourceName; item: ItemFacts | undefined },
  ): void {
    const bare = item === undefined;
    const levels = bare ? this.#callLevels : this.#allLevels;
    let units = 1;
    if (levels.length === 0) {
      spend(this.#context.budget, units);
      if (bare) this.#bare = verdict;
      else this.#full = verdict;
      return;
    }
    const root = (bare ? this.#bare : this.#full) ?? new Map();
    if (bare) this.#bare = root;
    else this.#full = root;
    let memo = root as Map<unknown, Memo>;
    for (const level of levels.slice(0, -1)) {
      const value = level(facts, resource, item);
      const held = memo.get(value);
      if (!held) units += mapUnits + unitsOf(value);
      const next = held ?? new Map<unknown, Memo>();
      memo.set(value, next);
      memo = next as Map<unknown, Memo>;
    }
    const value = levels.at(-1)?.(facts, resource, item);
    spend(this.#context.budget, units + unitsOf(value));
    memo.set(value, verdict);
  }

  #decideAnew(facts: CallFacts, resource: ResourceName, item: ItemFacts | undefined): Verdict {
    const scene = this.#scene;
    scene.call = facts;
    scene.key = resource.key;
    scene.provider = resource.provider;
    scene.item = item;
    const outcomes: Outcome[] = [];
    let name = '';
    let failed: string | undefined;
    for (const candidate of this.#candidates) {
      const outcome = outcomeOf(candidate, scene, (cause) => {
        failed ??= `${candidate.rule.id}: ${cause}`;
      });
      outcomes.push(outcome);
      name += marks[outcome];
    }
    if (failed !== undefined) name += failed;
    const held = this.#verdicts.get(name);
    if (held) return held;
    const verdict = this.#verdictOf({ outcomes, failed });
    if (this.#verdicts.size >= verdictsKept) this.#verdicts.clear();
    spend(this.#context.budget, verdictUnits);
    this.#verdicts.set(name, verdict);
    return verdict;
  }

  #verdictOf(found: Found): Verdict {
    let allowed = false;
    let { failed } = found;
    try {
      allowed = this.#enforced(found);
    } catch (error) {
      failed = error instanceof Error ? error.message : 'unknown error';
    }
    if (allowed && found.outcomes.includes('open')) return conditional;
    const applying = this.#candidates.filter((_, place) => found.outcomes[place] === 'applies');
    const told = allowed ? applying : applying.filter(({ rule }) => rule.effect === 'deny');
    const bound = allowed ? applying.flatMap((one) => one.obligations) : [];
    const obligations = this.#context.obligationSets.of(bound);
    if (!obligations) return tooManyObligations;
    return {
      effect: allowed ? 'allow' : 'deny',
      rules: told.map(({ rule }) => rule.id),
      obligations,
      failed,
    };
  }

  #enforced(found: Found): boolean {
    this.#enforce ??= createEnforcer<Found>(
      this.#candidates.map(({ rule }) => rule.effect),
      ({ outcomes }, place) => this.#applies(outcomes[place], place),
    );
    // Casbin stops at the first rule that denies, and may not come to one that fails.
    if (found.failed !== undefined) return false;
    return this.#enforce(found);
  }

  /** What is open is taken the way that allows: when even so it is denied, it does not matter. */
  #applies(outcome: Outcome | undefined, place: number): boolean {
    if (outcome === 'open') return this.#candidates[place]?.rule.effect === 'allow';
    return outcome === 'applies';
  }
}

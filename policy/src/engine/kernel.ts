import type { Scene } from '../condition/scene.ts';
import type { CallFacts, ItemFacts, Verdict } from '../model.ts';
import { selectionUnits, spend, textUnits } from './budget.ts';
import type { Candidate } from './candidate.ts';
import type { ResourceName } from './memo-levels.ts';
import { createPatternTable, fitsAny, type PatternTable } from './patterns.ts';
import { Selection, type SelectionContext } from './selection.ts';

/**
 * Decides the resources of one type for all subjects that its rules cannot tell apart. Rules that
 * name keys or providers are picked out for each resource, and resources for which the same rules
 * are left share a selection. Of the hot path.
 */
export class Kernel {
  readonly #scene: Scene;
  readonly #context: SelectionContext;
  /** Sorted by the rules' names; those that name no resources, and a place in the list for each. */
  readonly #candidates: readonly Candidate[];
  readonly #unbound: readonly number[];
  /** By their keys; what names providers only is under "*". */
  readonly #byKey: PatternTable<number>;
  readonly #byProvider: boolean;
  readonly #only: Selection | undefined;
  #selections = new Map<string, Selection>();
  #picked = new Map<string, Map<string, Selection>>();
  #epoch = 0;

  constructor(candidates: readonly Candidate[], scene: Scene, context: SelectionContext) {
    this.#candidates = candidates;
    this.#scene = scene;
    this.#context = context;
    const places = candidates.map((_, place) => place);
    this.#unbound = places.filter((place) => !isBound(candidates[place]));
    this.#byKey = createPatternTable();
    this.#byProvider = candidates.some((one) => providersOf(one).length > 0);
    for (const place of places) this.#file(place);
    this.#only =
      this.#unbound.length === places.length
        ? new Selection(candidates, scene, context)
        : undefined;
  }

  /** Decides. Never throws. */
  decide(facts: CallFacts, resource: ResourceName, item: ItemFacts | undefined): Verdict {
    const selection = this.#only ?? this.#selectionFor(resource);
    return selection.decide(facts, resource, item);
  }

  #file(place: number): void {
    const candidate = this.#candidates[place];
    if (!candidate || !isBound(candidate)) return;
    const keys = keysOf(candidate);
    for (const key of keys.length > 0 ? keys : ['*']) this.#byKey.add(key, place);
  }

  #selectionFor(resource: ResourceName): Selection {
    if (this.#epoch !== this.#context.budget.epoch) this.#forget();
    const { key } = resource;
    const provider = this.#byProvider ? resource.provider : '';
    const byProvider = this.#picked.get(key);
    const held = byProvider?.get(provider);
    if (held) return held;
    const selection = this.#pick(resource);
    spend(this.#context.budget, pickedUnits + textUnits(key));
    if (byProvider) byProvider.set(provider, selection);
    else this.#picked.set(key, new Map([[provider, selection]]));
    return selection;
  }

  #pick({ key, provider }: ResourceName): Selection {
    const places = new Set(this.#unbound);
    this.#byKey.find(key, (place) => {
      const providers = providersOf(this.#candidates[place]);
      if (providers.length === 0 || fitsAny(providers, provider)) places.add(place);
    });
    const sorted = [...places].sort((a, b) => a - b);
    const name = sorted.join();
    const held = this.#selections.get(name);
    if (held) return held;
    const chosen = sorted.flatMap((place) => this.#candidates[place] ?? []);
    const made = new Selection(chosen, this.#scene, this.#context);
    spend(this.#context.budget, selectionUnits);
    this.#selections.set(name, made);
    return made;
  }

  #forget(): void {
    this.#epoch = this.#context.budget.epoch;
    this.#selections = new Map();
    this.#picked = new Map();
  }
}

/** What it takes to remember which rules were picked out for a resource. */
const pickedUnits = 2;

/** Whether a rule names keys or providers. */
export function isBound(candidate: Candidate | undefined): boolean {
  return keysOf(candidate).length > 0 || providersOf(candidate).length > 0;
}

function keysOf(candidate: Candidate | undefined): readonly string[] {
  return candidate?.rule.source.resources?.keys ?? [];
}

function providersOf(candidate: Candidate | undefined): readonly string[] {
  return candidate?.rule.source.resources?.providers ?? [];
}

import { weirVariables } from '@weir/kit';
import type { Pins, RunningSubject, Scenario, SubjectDef, SubjectName } from '../model.ts';
import { openWeir, type RunningWeir } from './weir.ts';

/** How one Weir differs from another. */
interface Variant {
  readonly name: SubjectName;
  /** What of the scenario is otherwise. */
  readonly differs?: Partial<Pick<Scenario, 'keys' | 'rules' | 'masked'>>;
  readonly env?: Readonly<Record<string, string>>;
}

const fastLaneVariable = 'WEIR_FAST_LANE';

const variants: readonly Variant[] = [
  { name: 'weir' },
  { name: 'weir-connect-lane', env: { [fastLaneVariable]: 'off' } },
  { name: 'weir-node-http2', env: { WEIR_HTTP2: 'node' } },
  { name: 'weir-unmasked', differs: { masked: false } },
  { name: 'weir-10-rules', differs: { rules: 10 } },
  { name: 'weir-1k-items', differs: { keys: 1_000 } },
];

/** The scenario as it is for a subject: those that are Weir set up otherwise differ from it. */
export function scenarioFor(name: SubjectName, scenario: Scenario): Scenario {
  return { ...scenario, ...variants.find((variant) => variant.name === name)?.differs };
}

/** Weir, and Weir set up otherwise. */
export interface Weirs extends AsyncDisposable {
  readonly subjects: readonly SubjectDef[];
}

/** A Weir that outlives the scenario that it was opened for. */
interface Kept {
  readonly weir: RunningWeir;
  readonly scenario: Scenario;
  readonly variant: Variant;
  inUse: boolean;
}

/**
 * Keeps Weirs open between scenarios that need the same one, since to open one takes longer than
 * most measurements. It is closed when another one is opened, or in the end.
 */
export function keepWeirs(): Weirs {
  const all = new Set<Kept>();

  async function close(which: (kept: Kept) => boolean): Promise<void> {
    for (const kept of [...all].filter(which)) {
      all.delete(kept);
      await kept.weir[Symbol.asyncDispose]();
    }
  }

  async function open(variant: Variant, scenario: Scenario, pins: Pins): Promise<RunningSubject> {
    const wanted = scenarioFor(variant.name, scenario);
    let kept = [...all].find((one) => !one.inUse && serves(one, variant, wanted));
    if (kept === undefined) {
      await close(({ inUse }) => !inUse);
      const weir = await openWeir(wanted, pins, { env: variant.env });
      kept = { weir, variant, scenario: wanted, inUse: true };
      all.add(kept);
    } else {
      kept.inUse = true;
      await kept.weir.resume();
      if (wanted.keys > 0) await kept.weir.warm();
    }
    const { weir } = kept;
    const held = kept;
    return {
      ...weir,
      async [Symbol.asyncDispose]() {
        held.inUse = false;
      },
    };
  }

  return {
    subjects: variants.map((variant) => ({
      name: variant.name,
      whyNot: () => whyNot(variant),
      open: (scenario, pins) => open(variant, scenario, pins),
    })),
    [Symbol.asyncDispose]: () => close(() => true),
  };
}

/** Whether what was opened for one scenario is as another one needs it. */
function serves(kept: Kept, variant: Variant, wanted: Scenario): boolean {
  const facets = ['rules', 'masked', 'principals', 'valueBytes'] as const;
  const { scenario } = kept;
  return (
    variant.env === kept.variant.env &&
    facets.every((facet) => scenario[facet] === wanted[facet]) &&
    // Who asks for no key again does not mind those that lie there.
    (wanted.keys === 0 || wanted.keys === scenario.keys)
  );
}

function whyNot({ env }: Variant): string | undefined {
  const unknown = Object.keys(env ?? {}).find((variable) => !weirVariables.includes(variable));
  return unknown && `this Weir has no setting ${unknown}`;
}

import type { Load, LoadPlan } from '../model.ts';

/** What a plan sends to a subject that answers so many calls a second at saturation. */
export function loadFor(plan: LoadPlan, saturation: number | undefined): Load {
  switch (plan.kind) {
    case 'saturation':
      return { kind: 'closed', concurrency: plan.concurrency };
    case 'fixed':
      return { kind: 'open', rate: plan.rate };
    case 'half':
      return { kind: 'open', rate: shareOf(saturation, 0.5) };
    case 'times':
      return { kind: 'open', rate: shareOf(saturation, plan.times) };
  }
}

function shareOf(saturation: number | undefined, share: number): number {
  if (!saturation) throw new Error('its saturation is not known: nothing was answered');
  return saturation * share;
}

/** A fixed rate is left out from so many times of what a subject answers at saturation. */
const beyondTimes = 2;

/** Whether a fixed rate would only fill queues, which the subject would be busy with long after. */
export function isBeyond(plan: LoadPlan, saturation: number | undefined): boolean {
  // What answers nothing has no half, either.
  if (saturation === 0) return true;
  return plan.kind === 'fixed' && saturation !== undefined && plan.rate > saturation * beyondTimes;
}

/** What a plan is called in a line about it. */
export function planName(plan: LoadPlan): string {
  switch (plan.kind) {
    case 'saturation':
    case 'half':
      return plan.kind;
    case 'fixed':
      return `${plan.rate}/s`;
    case 'times':
      return `${plan.times} times`;
  }
}

import { Action } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { usageFailure } from '../failure.ts';

/** The options that say what is done, and with what. */
export interface ActionOptions {
  readonly fetch?: readonly string[];
  readonly list?: readonly string[];
  readonly subscribe?: readonly string[];
  readonly call?: readonly string[];
  readonly administer?: readonly string[];
}

const actions: Readonly<Record<keyof ActionOptions, Action>> = {
  fetch: Action.FETCH,
  list: Action.LIST,
  subscribe: Action.SUBSCRIBE,
  call: Action.CALL,
  administer: Action.ADMINISTER,
};

/**
 * What is done, and with what.
 *
 * @throws {Failure} unless exactly one of the options is given.
 */
export function readAction(options: ActionOptions): {
  readonly action: Action;
  readonly refs: readonly string[];
} {
  const names = Object.keys(actions) as (keyof ActionOptions)[];
  const given = names.filter((name) => options[name] !== undefined);
  const [name] = given;
  if (name !== undefined && given.length === 1) {
    return { action: actions[name], refs: options[name] ?? [] };
  }
  const flags = names.map((each) => `--${each}`).join(', ');
  throw usageFailure(`Say what is done with one of ${flags}.`, 'Such as --fetch SQLSchema/hr.');
}

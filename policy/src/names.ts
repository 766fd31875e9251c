import { Action } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { PrincipalKind } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ActionName } from './model.ts';

const actionNames: Readonly<Partial<Record<Action, ActionName>>> = {
  [Action.FETCH]: 'fetch',
  [Action.LIST]: 'list',
  [Action.SUBSCRIBE]: 'subscribe',
  [Action.PUBLISH]: 'publish',
  [Action.CALL]: 'call',
  [Action.ADMINISTER]: 'administer',
};

const kindNames: Readonly<Partial<Record<PrincipalKind, string>>> = {
  [PrincipalKind.USER]: 'user',
  [PrincipalKind.AGENT]: 'agent',
  [PrincipalKind.SERVICE]: 'service',
};

/** What an action is called where it is decided; undefined: it is none that is done. */
export function actionName(action: Action): ActionName | undefined {
  return actionNames[action];
}

/** What a kind of principal is called in conditions; empty: it is not known. */
export function kindName(kind: PrincipalKind | undefined): string {
  return (kind !== undefined && kindNames[kind]) || '';
}

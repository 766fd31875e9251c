/** The variables of conditions, with the CEL types of their fields. */
export const variables = {
  subject: {
    tenant: 'string',
    principal: 'string',
    kind: 'string',
    consumer: 'string',
    purpose: 'string',
    project: 'string',
    tier: 'string',
    roles: 'list<string>',
    groups: 'list<string>',
    clearance: 'int',
    attributes: 'map<string, dyn>',
  },
  resource: {
    type: 'string',
    key: 'string',
    provider: 'string',
    owner: 'string',
    sensitivity: 'int',
    labels: 'map<string, string>',
  },
  environment: { network: 'string', authentication: 'string', strength: 'int' },
} as const;

/** The names of constants, and what they stand for: ranks of sensitivity. */
export const constants = { PUBLIC: 1n, INTERNAL: 2n, CONFIDENTIAL: 3n, RESTRICTED: 4n } as const;

/** A variable with fields. */
export type VariableName = keyof typeof variables;

/** Whether a name is that of a variable with fields. */
export function isVariable(name: string): name is VariableName {
  return Object.hasOwn(variables, name);
}

/** What a condition reads. */
export interface Read {
  /** Unlike that of any other; a name may stand for several, since its parts may hold a ".". */
  readonly id: string;
  /** Such as "resource.labels.team"; "action"; "environment.time" for the clock. */
  readonly name: string;
  readonly variable: VariableName | 'action' | 'clock';
  readonly field: string;
  /** The label, or the steps into the attributes; empty: the field as a whole. */
  readonly path: readonly string[];
}

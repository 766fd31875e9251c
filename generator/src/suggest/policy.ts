import type { Sensitivity } from '@weir/sdk';
import type { Suggestion } from './sensitivity.ts';

/** A field of a context type for which something was suggested. */
export interface MarkedField extends Suggestion {
  /** The context type. */
  readonly type: string;
  /** Where it stands in the value: a JSON Pointer, in which `*` stands for every member or element. */
  readonly pointer: string;
}

/** What to suggest a policy from. */
export interface PolicyOptions {
  /** The provider whose items the rules are for; the policy is named after it. */
  readonly provider: string;
  readonly fields: readonly MarkedField[];
}

/** As many pointers as one obligation takes. */
const pointersMax = 100;
/** As many rules as one policy takes. */
const rulesMax = 2_000;
const nameMaxChars = 63;

/**
 * A policy in YAML that hides the marked fields from who is not trusted so far, with the reason for
 * each field in a comment. It allows nothing by itself. Undefined: no field is marked.
 */
export function suggestedPolicy({ provider, fields }: PolicyOptions): string | undefined {
  const rules = groupsOf(fields).slice(0, rulesMax);
  if (rules.length === 0) return undefined;
  const head = [
    '# Suggested from names, formats and descriptions alone: read it before you put it into force',
    '# with `weir policy put`. It allows nothing; it binds what other policies allow.',
    'kind: Policy',
    `name: ${quoted(nameOf(provider))}`,
    `title: ${quoted(`What ${provider} holds that not everybody needs to know`)}`,
    'rules:',
  ];
  return `${[...head, ...rules.map((rule, index) => ruleText(provider, rule, index))].join('\n')}\n`;
}

interface Rule {
  readonly type: string;
  readonly level: Sensitivity;
  readonly treatment: Suggestion['treatment'];
  readonly fields: readonly MarkedField[];
}

function groupsOf(fields: readonly MarkedField[]): readonly Rule[] {
  const groups = Object.groupBy(
    fields,
    ({ type, level, treatment }) => `${type} ${level} ${treatment}`,
  );
  return Object.values(groups).flatMap((group = []) => {
    const [first] = group;
    if (!first) return [];
    const unique = [...new Map(group.map((field) => [field.pointer, field])).values()];
    const { type, level, treatment } = first;
    return Array.from({ length: Math.ceil(unique.length / pointersMax) }, (_, at) => {
      return { type, level, treatment, fields: unique.slice(at * pointersMax, ++at * pointersMax) };
    });
  });
}

function ruleText(provider: string, { type, level, treatment, fields }: Rule, index: number) {
  const does = treatment === 'drop' ? 'removed' : 'masked';
  const pointers = fields.map(({ pointer, reason }) => {
    return `              - ${quoted(pointer)} # ${oneLine(reason)}`;
  });
  return [
    `  - name: ${quoted(nameOf(`${type.toLowerCase()}-${level}-${index + 1}`))}`,
    `    description: ${quoted(`What is ${level} in ${type} is ${does} for who has no such clearance.`)}`,
    '    effect: oblige',
    '    actions: [fetch, list]',
    `    resources: { types: [${quoted(type)}], providers: [${quoted(provider)}] }`,
    `    condition: ${quoted(`!hasRole("admin") && subject.clearance < ${level.toUpperCase()}`)}`,
    '    obligations:',
    `      - ${treatment}:`,
    '          fields:',
    '            pointers:',
    ...pointers,
  ].join('\n');
}

/** A text in YAML; what JSON writes is YAML too. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 200);
}

function nameOf(text: string): string {
  return text.slice(0, nameMaxChars).replace(/-+$/, '');
}

import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { type ClockCall, type ClockFunction, clockFunctions, readClockCall } from './clock.ts';
import { constants, variables } from './fields.ts';
import { type NetworkTest, readNetwork } from './network.ts';
import { patternFound } from './pattern.ts';
import { EnvironmentView, ResourceView, type Scene, SubjectView } from './scene.ts';

/** What a condition may be, in the parser's terms; what it may cost is counted in inspect.ts. */
export const conditionLimits = {
  maxAstNodes: 256,
  maxDepth: 24,
  maxListElements: 100,
  maxMapEntries: 0,
  maxCallArguments: 4,
};

/** The name under which `matches` runs; tenants cannot write it. */
export const linearMatches = 'matchesInLinearTime';

/** What the CEL library hands to a function that takes its arguments unevaluated. */
interface Expansion {
  readonly args: readonly ASTNode[];
}
interface Checker {
  createError(code: string, text: string, node: ASTNode): Error;
  getType(name: string): unknown;
  check(node: ASTNode, context: unknown): unknown;
}
interface Runner {
  run(node: ASTNode, context: unknown): unknown;
}
interface SceneContext {
  getValue(name: keyof Scene): unknown;
}

/** The language of conditions: its variables, types and functions. */
export function createEnvironment(): Environment {
  const environment = new Environment({ limits: conditionLimits })
    .registerType('Subject', { ctor: SubjectView, fields: variables.subject })
    .registerType('Resource', { ctor: ResourceView, fields: variables.resource })
    .registerType('Environment', { ctor: EnvironmentView, fields: variables.environment })
    .registerVariable('subject', 'Subject')
    .registerVariable('resource', 'Resource')
    .registerVariable('environment', 'Environment')
    .registerVariable('action', 'string');
  for (const [name, rank] of Object.entries(constants)) {
    environment.registerConstant(name, 'int', rank);
  }
  for (const name of Object.keys(clockFunctions) as ClockFunction[]) {
    addClockFunction(environment, name);
  }
  addNetworkFunction(environment);
  addRoleFunction(environment);
  environment.registerFunction(`string.${linearMatches}(string): bool`, patternFound, {
    async: false,
  });
  return environment;
}

function addClockFunction(environment: Environment, name: ClockFunction): void {
  const { literals, returns } = clockFunctions[name];
  const asts = Array(literals).fill('ast').join(', ');
  environment.registerFunction(`${name}(${asts}): ${returns}`, ({ args }: Expansion) => {
    let call: ClockCall | undefined;
    return {
      async: false,
      typeCheck(checker: Checker) {
        call = literal(checker, args, (texts) => readClockCall(name, texts));
        return checker.getType(returns);
      },
      evaluate: (_runner: Runner, _macro: unknown, context: SceneContext) =>
        call?.valueAt(Number(context.getValue('nowMs'))),
    };
  });
}

function addNetworkFunction(environment: Environment): void {
  environment.registerFunction('inNetwork(ast, ast): bool', ({ args }: Expansion) => {
    const [address, network] = args as [ASTNode, ASTNode];
    let test: NetworkTest | undefined;
    return {
      async: false,
      typeCheck(checker: Checker, _macro: unknown, context: unknown) {
        if (checker.check(address, context) !== checker.getType('string')) {
          throw checker.createError('invalid_argument', 'inNetwork: give it a text', address);
        }
        test = literal(checker, [network], ([text = '']) => readNetwork(text));
        return checker.getType('bool');
      },
      evaluate: (runner: Runner, _macro: unknown, context: SceneContext) =>
        test?.(String(runner.run(address, context))),
    };
  });
}

function addRoleFunction(environment: Environment): void {
  environment.registerFunction('hasRole(ast): bool', ({ args }: Expansion) => {
    let role = '';
    return {
      async: false,
      typeCheck(checker: Checker) {
        role = literal(checker, args, ([text = '']) => text);
        return checker.getType('bool');
      },
      evaluate: (_runner: Runner, _macro: unknown, context: SceneContext) =>
        (context.getValue('subject') as SubjectView).roles.includes(role),
    };
  });
}

/** Makes something of arguments that must be texts written out, so that they are checked when written. */
function literal<Made>(
  checker: Checker,
  nodes: readonly ASTNode[],
  make: (texts: readonly string[]) => Made,
): Made {
  const texts = nodes.map((node) => {
    const text = literalText(node);
    if (text !== undefined) return text;
    throw checker.createError('invalid_argument', 'must be a text written out in quotes', node);
  });
  try {
    return make(texts);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw checker.createError('invalid_argument', text, nodes[0] as ASTNode);
  }
}

/** The text of a literal. Undefined: the node is none. */
export function literalText(node: ASTNode): string | undefined {
  return node.op === 'value' && typeof node.args === 'string' ? node.args : undefined;
}

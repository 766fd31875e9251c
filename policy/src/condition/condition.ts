import type { ASTNode, ParseError, ParseResult } from '@marcbachmann/cel-js';
import { createBoundedMap } from '../bounded-map.ts';
import { createEnvironment } from './environment.ts';
import { ConditionFault, type Inspection, inspect } from './inspect.ts';
import type { Scene } from './scene.ts';

/** How long a condition may be. */
export const conditionMaxBytes = 2048;
/** How many compiled conditions are kept, by their text. */
const conditionsKept = 20_000;

/** A condition, ready to be evaluated. */
export interface Condition extends Inspection {
  /** Throws what the evaluation throws; a read of what is not known yet marks the scene. */
  holds(scene: Scene): boolean;
}

const environment = createEnvironment();
const kept = createBoundedMap<string, Condition>(conditionsKept);

/** Compiles a condition; the same text gives the same one. Throws a ConditionFault. */
export function compileCondition(text: string): Condition {
  const held = kept.get(text);
  if (held) return held;
  const { run, inspection } = checked(text);
  const condition = { ...inspection, holds: (scene: Scene) => run(scene) === true };
  kept.set(text, condition);
  return condition;
}

/** The first fault of a condition, and its offset in UTF-16 code units. Undefined: none. Never throws. */
export function conditionFault(
  condition: string,
): { readonly text: string; readonly offset: number } | undefined {
  try {
    checked(condition);
    return undefined;
  } catch (error) {
    if (error instanceof ConditionFault) return { text: error.message, offset: error.offset };
    return { text: 'cannot be read', offset: 0 };
  }
}

function checked(text: string): { run: ParseResult; inspection: Inspection } {
  if (Buffer.byteLength(text) > conditionMaxBytes) {
    throw new ConditionFault(`longer than ${conditionMaxBytes} bytes; split the rule`, 0);
  }
  if (!text.isWellFormed()) throw new ConditionFault('holds half a surrogate pair', 0);
  const run = parsed(text);
  const inspection = inspect(run.ast);
  const { valid, type, error } = run.check();
  if (!valid) throw faultOf(error);
  if (type !== 'bool') {
    throw new ConditionFault(`is a ${type}, and not true or false; compare it with something`, 0);
  }
  return { run, inspection };
}

function parsed(text: string): ParseResult {
  try {
    return environment.parse(text);
  } catch (error) {
    throw faultOf(error as ParseError);
  }
}

/** What the CEL library says, without its drawing of the line. */
function faultOf(error: { summary?: string; message: string; range?: unknown } | undefined) {
  const start = (error?.range as ASTNode['range'] | undefined)?.start ?? 0;
  const text = error?.summary ?? error?.message ?? 'cannot be read';
  return new ConditionFault(`${text.slice(0, 1).toLowerCase()}${text.slice(1)}`, start);
}

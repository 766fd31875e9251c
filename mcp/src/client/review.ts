import type { Definition } from './definitions.ts';
import { hiddenIn, showHidden } from './hidden.ts';

/** A definition that is kept out of the manifest until somebody has looked at it. */
export interface HeldDefinition {
  readonly name: string;
  readonly kind: 'tool' | 'prompt';
  readonly hash: string;
  /** Why. */
  readonly reason: string;
  /** The definition as JSON, with hidden characters made visible. */
  readonly shown: string;
}

/** What becomes of the definitions of an upstream. */
export interface Review {
  readonly offered: readonly Definition[];
  readonly held: readonly HeldDefinition[];
  /** The definitions that are offered from now on: hashes by name. */
  readonly pins: Readonly<Record<string, string>>;
}

/** What definitions are judged by. */
export interface ReviewOptions {
  /** The definitions that were offered before. */
  readonly pins: Readonly<Record<string, string>>;
  /** Those that the operator approved. */
  readonly approved: Readonly<Record<string, string>>;
  /** Whose tool a name is already, in its folded form, in the same tenant. */
  readonly owners: ReadonlyMap<string, string>;
}

const operationsMax = 1_000;
const descriptionMaxChars = 16 * 1024;
const schemaMaxChars = 64 * 1024;
const moreMaxChars = 16 * 1024;
/** A manifest reaches the registry in one message. */
const manifestMaxChars = 600 * 1024;
const heldMax = 1_000;
const shownMaxChars = 8_000;

/**
 * Judges definitions. What is new is offered, unless it looks like an attack; what was offered and
 * has changed waits, for who trusted the one has not seen the other.
 */
export function review(definitions: readonly Definition[], options: ReviewOptions): Review {
  let count = 0;
  let chars = 0;
  const beyond = ({ told }: Definition): string | undefined => {
    count += 1;
    chars += JSON.stringify(told).length;
    if (count > operationsMax) return `is beyond the first ${operationsMax}`;
    return chars > manifestMaxChars ? `is beyond ${manifestMaxChars} characters of all` : undefined;
  };
  const judged = definitions.map((definition) => ({
    definition,
    reason: faultOf(definition, options) ?? beyond(definition),
  }));
  const offered = judged.filter(({ reason }) => reason === undefined);
  return {
    offered: offered.map(({ definition }) => definition),
    held: judged
      .flatMap(({ definition, reason }) => (reason ? [hold(definition, reason)] : []))
      .slice(0, heldMax),
    pins: {
      // What is not there now may come back, and is then compared with what it was.
      ...options.pins,
      ...Object.fromEntries(offered.map(({ definition: { name, hash } }) => [name, hash])),
    },
  };
}

/** The form in which names are compared: case and separators tell nobody anything. */
export function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase().replaceAll(/[-_.]/g, '');
}

/** Keeps a definition back for a reason. */
export function hold({ name, hash, target, told }: Definition, reason: string): HeldDefinition {
  const shown = showHidden(JSON.stringify({ name: target.name, ...told }, undefined, 2));
  return { name, hash, kind: target.kind, reason, shown: shown.slice(0, shownMaxChars) };
}

function faultOf(definition: Definition, options: ReviewOptions): string | undefined {
  const { name, hash, target, told } = definition;
  const large = tooLarge(definition);
  // No approval makes it fit.
  if (large || options.approved[name] === hash) return large;
  const pin = options.pins[name];
  if (pin !== undefined && pin !== hash) return 'has changed since it was first offered';
  const hidden = hiddenIn({ name: target.name, ...told });
  if (hidden !== undefined) return `holds characters that do not show, in ${hidden}`;
  const owner =
    target.kind === 'tool' && !pin ? options.owners.get(folded(target.name)) : undefined;
  return owner && `has the name of a tool of ${owner}`;
}

function tooLarge({ told }: Definition): string | undefined {
  const sizes: [string, number][] = [
    ['description', descriptionMaxChars],
    ['inputSchema', schemaMaxChars],
    ['outputSchema', schemaMaxChars],
    ['more', moreMaxChars],
  ];
  const found = sizes.find(([part, max]) => (JSON.stringify(told[part]) ?? '').length > max);
  return found && `has a ${found[0]} of more than ${found[1]} characters`;
}

// Tells patterns that can make a backtracking engine run for ever from those that cannot.
//
// A pattern is turned into its Glushkov automaton (one state for each place in the pattern that
// consumes a character). Matching takes exponential time when one word leads from a state back
// to itself in two ways, and cubic or worse when three loops over the same characters follow
// each other (Weideman et al., "Analyzing Matching Time Behavior of Backtracking Regular
// Expression Matchers by Using Ambiguity of NFA", 2016). What cannot be decided is refused.

/** The longest pattern that is accepted, in characters. */
export const patternMaxLength = 256;

const maxStates = 512;
const maxSteps = 200_000;
/** Outside loops, every choice between ways to read the same text doubles the work. */
const maxChoiceBits = 16;

const lookaround = /^\(\?<?[=!]/;
const groupStart = /^\((?:\?(?:<[^>=!]+>|[a-z-]*:))?/;
const quantifier = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/;
const escapeSequence =
  /^\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|[\s\S])/u;
const charClass = /^\[(?:\\[\s\S]|[^\]\\])*\]/u;

type Node =
  | { readonly kind: 'empty' }
  | { readonly kind: 'characters'; readonly set: bigint }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly min: number; readonly max: number };

class Refused extends Error {}

/** The characters that stand for all others when it is asked which a class takes. */
const samples = [
  ...Array.from({ length: 128 }, (_, code) => String.fromCodePoint(code)),
  ...'\u00a0éßΩж中\u2028😀',
];

function charactersOf(source: string): bigint {
  const test = new RegExp(`^(?:${source})$`, 'u');
  let set = 0n;
  for (const [index, sample] of samples.entries())
    if (test.test(sample)) set |= 1n << BigInt(index);
  // What names characters beyond ASCII one by one may meet anything else that does.
  if (/\P{ASCII}|\\[uxpP]/u.test(source)) set |= 1n << BigInt(samples.length);
  return set;
}

/** Reads a pattern that is known to compile. */
class Parser {
  readonly #pattern: string;
  readonly #sets = new Map<string, bigint>();
  #at = 0;
  /** What lookarounds hold; each is matched on its own. */
  readonly asides: Node[] = [];

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  choice(): Node {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] ? parts[0] : { kind: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#pattern.length && !/[|)]/.test(this.#pattern[this.#at] ?? '')) {
      parts.push(this.#quantified(this.#atom()));
    }
    return { kind: 'sequence', parts };
  }

  #atom(): Node {
    const rest = this.#pattern.slice(this.#at);
    if (rest[0] === '(') return this.#group(rest);
    if (rest[0] === '^' || rest[0] === '$') return this.#skip(1);
    if (rest[0] === '[') return this.#characters(charClass.exec(rest)?.[0] ?? '[');
    if (rest[0] !== '\\') return this.#characters(String.fromCodePoint(rest.codePointAt(0) ?? 0));
    if (/^\\[bB]/.test(rest)) return this.#skip(2);
    if (/^\\[1-9k]/.test(rest))
      throw new Refused('refers back to a group, which can take very long');
    return this.#characters(escapeSequence.exec(rest)?.[0] ?? '\\');
  }

  #group(rest: string): Node {
    const look = lookaround.exec(rest)?.[0];
    this.#at += (look ?? groupStart.exec(rest)?.[0] ?? '(').length;
    const inner = this.choice();
    this.#take(')');
    if (look === undefined) return inner;
    this.asides.push(inner);
    return { kind: 'empty' };
  }

  #quantified(part: Node): Node {
    const match = quantifier.exec(this.#pattern.slice(this.#at));
    if (match === null) return part;
    this.#at += match[0].length;
    const [, sign, low, comma, high] = match;
    if (sign !== undefined) {
      return { kind: 'repeat', part, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    }
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? Infinity : Number(high);
    return { kind: 'repeat', part, min, max };
  }

  #characters(source: string): Node {
    this.#at += source.length;
    const set = this.#sets.get(source) ?? charactersOf(source);
    this.#sets.set(source, set);
    return { kind: 'characters', set };
  }

  #skip(length: number): Node {
    this.#at += length;
    return { kind: 'empty' };
  }

  #take(character: string): boolean {
    if (this.#pattern[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }
}

interface Fragment {
  readonly nullable: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

const nothing: Fragment = { nullable: true, first: [], last: [] };

/** The Glushkov automaton of a pattern; an edge that arises twice stands for two ways to match. */
class Automaton {
  readonly sets: bigint[] = [];
  readonly follow: Set<number>[] = [];
  choiceBits = 0;
  #steps = 0;

  step(): void {
    this.#steps += 1;
    if (this.#steps > maxSteps) throw new Refused('is too complex to check');
  }

  add(node: Node): Fragment {
    switch (node.kind) {
      case 'empty':
        return nothing;
      case 'characters':
        return this.#state(node.set);
      case 'sequence':
        return node.parts.reduce<Fragment>(
          (left, part) => this.#join(left, this.add(part)),
          nothing,
        );
      case 'choice':
        return this.#choice(node.parts.map((part) => this.add(part)));
      case 'repeat':
        return this.#repeat(node.part, node.min, node.max);
    }
  }

  #state(set: bigint): Fragment {
    if (this.sets.length >= maxStates) throw new Refused('is too complex to check');
    const state = this.sets.push(set) - 1;
    this.follow.push(new Set());
    return { nullable: false, first: [state], last: [state] };
  }

  #connect(last: readonly number[], first: readonly number[]): void {
    for (const from of last) {
      for (const to of first) {
        this.step();
        if (this.follow[from]?.has(to)) {
          throw new Refused('repeats a part that itself repeats, which can take exponential time');
        }
        this.follow[from]?.add(to);
      }
    }
  }

  #join(left: Fragment, right: Fragment): Fragment {
    this.#connect(left.last, right.first);
    return {
      nullable: left.nullable && right.nullable,
      first: left.nullable ? [...left.first, ...right.first] : left.first,
      last: right.nullable ? [...left.last, ...right.last] : right.last,
    };
  }

  #choice(options: readonly Fragment[]): Fragment {
    const first = options.flatMap((option) => option.first);
    if (this.#overlap(first)) this.choiceBits += Math.log2(options.length);
    return {
      nullable: options.some((option) => option.nullable),
      first,
      last: options.flatMap((option) => option.last),
    };
  }

  #overlap(states: readonly number[]): boolean {
    let seen = 0n;
    for (const state of states) {
      const set = this.sets[state] ?? 0n;
      if ((seen & set) !== 0n) return true;
      seen |= set;
    }
    return false;
  }

  #repeat(part: Node, min: number, max: number): Fragment {
    if (max === 0) return nothing;
    const body = this.add(part);
    if (max === 1) {
      if (min === 0 && !body.nullable) this.choiceBits += 1;
      return { ...body, nullable: body.nullable || min === 0 };
    }
    if (body.nullable && min > 1) {
      throw new Refused('repeats a part that may be empty, which can take exponential time');
    }
    if (min === max && part.kind === 'characters') return body;
    if (min === max) return this.#copies(part, body, min);
    this.#connect(body.last, body.first);
    return { ...body, nullable: body.nullable || min === 0 };
  }

  #copies(part: Node, body: Fragment, count: number): Fragment {
    let whole = body;
    for (let copy = 1; copy < count; copy += 1) whole = this.#join(whole, this.add(part));
    return whole;
  }
}

/** The loop that each state is in, by number; -1 for states that are in none. */
function loopsOf(automaton: Automaton): number[] {
  const reach = automaton.follow.map((_, state) => reachable(automaton, state, () => true));
  const loops = automaton.follow.map(() => -1);
  for (const [state, from] of reach.entries()) {
    if (!from.has(state)) continue;
    loops[state] = Math.min(...[...from].filter((other) => reach[other]?.has(state)));
  }
  return loops;
}

function reachable(automaton: Automaton, start: number, through: (state: number) => boolean) {
  const found = new Set<number>();
  const pending = [start];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    for (const next of automaton.follow[state] ?? []) {
      automaton.step();
      if (found.has(next) || !through(next)) continue;
      found.add(next);
      pending.push(next);
    }
  }
  return found;
}

/** Whether a word leads from a state of a loop back to it in two ways. */
function isExponential(automaton: Automaton, loops: readonly number[]): boolean {
  const { sets, follow } = automaton;
  const size = sets.length;
  const seen = new Set<number>();
  const pending: number[] = [];
  for (const [state, loop] of loops.entries()) if (loop >= 0) pending.push(state * size + state);
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const left = Math.floor(pair / size);
    const right = pair % size;
    for (const nextLeft of follow[left] ?? []) {
      if (loops[nextLeft] !== loops[left]) continue;
      for (const nextRight of follow[right] ?? []) {
        automaton.step();
        if (loops[nextRight] !== loops[right]) continue;
        if (((sets[nextLeft] ?? 0n) & (sets[nextRight] ?? 0n)) === 0n) continue;
        if (nextLeft === nextRight && left !== right) return true;
        const next = nextLeft * size + nextRight;
        if (nextLeft === nextRight || seen.has(next)) continue;
        seen.add(next);
        pending.push(next);
      }
    }
  }
  return false;
}

/** The most loops over the same characters that follow each other. */
function longestChain(automaton: Automaton, loops: readonly number[]): number {
  const characters = new Map<number, bigint>();
  for (const [state, loop] of loops.entries()) {
    if (loop < 0) continue;
    characters.set(loop, (characters.get(loop) ?? 0n) | (automaton.sets[state] ?? 0n));
  }
  const lengths = new Map<number, number>();
  const lengthFrom = (loop: number): number => {
    const known = lengths.get(loop);
    if (known !== undefined) return known;
    const own = characters.get(loop) ?? 0n;
    const near = reachable(
      automaton,
      loop,
      (state) => ((automaton.sets[state] ?? 0n) & own) !== 0n,
    );
    const next = new Set([...near].map((state) => loops[state] ?? -1));
    const lengthsAfter = [...next].filter((other) => other >= 0 && other !== loop).map(lengthFrom);
    const length = 1 + Math.max(0, ...lengthsAfter);
    lengths.set(loop, length);
    return length;
  };
  return Math.max(0, ...[...characters.keys()].map(lengthFrom));
}

function check(node: Node): void {
  const automaton = new Automaton();
  automaton.add(node);
  if (automaton.choiceBits > maxChoiceBits) {
    throw new Refused('has too many optional parts and alternatives');
  }
  const loops = loopsOf(automaton);
  if (isExponential(automaton, loops)) {
    throw new Refused(
      'can read the same text in several ways inside a repeat, which can take exponential time',
    );
  }
  if (longestChain(automaton, loops) > 2) {
    throw new Refused(
      'has more than two open repeats over the same characters, which can take very long',
    );
  }
}

/**
 * Why a pattern of a JSON Schema is not accepted, or undefined. Patterns must compile as
 * ECMAScript with the `u` flag, have at most {@link patternMaxLength} characters, and must not
 * be of a form that takes exponential or cubic time on some text.
 */
export function patternFault(pattern: string): string | undefined {
  if (pattern.length > patternMaxLength) {
    return `has ${pattern.length} characters; patterns have at most ${patternMaxLength}`;
  }
  try {
    new RegExp(pattern, 'u').test('');
  } catch (error) {
    return `does not compile: ${error instanceof Error ? error.message : String(error)}`;
  }
  try {
    const parser = new Parser(pattern);
    const whole = parser.choice();
    for (const node of [whole, ...parser.asides]) check(node);
    return undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return `${error.message}; write it so that each text can match in one way only`;
  }
}

import { descend, type Selection } from '@weir/kit/cleaning/selection';
import { type Duty, dutyAt, noDuty } from './duty.ts';
import { blanksEnd, heldText, scalarEnd, stringEnd, wholeDigits } from './json-syntax.ts';
import { REDACTED_DEPTH, REDACTED_STEPS, STEPS_PER_HASH } from './limits.ts';
import type { Rules } from './rules.ts';
import { type Account, dutyOnText, hashOf, searched } from './texts.ts';

const FAILED = -1;
const COMMA = 44;
const COLON = 58;
/** What stands in place of a value that is dropped as a whole. */
const NOTHING = 'null';

/** A value within the text. */
interface Place {
  readonly duty: Duty;
  readonly selected: readonly Selection[];
  /** The name of the member that it is, or that the list is in which it stands. */
  readonly field: string;
}

/**
 * Does to one JSON text what is to be done; all that is not touched stays byte for byte. Undefined:
 * it is no JSON (RFC 8259), or beyond the limits. Reads strictly, since what another reader might
 * understand differently could slip through; of members that stand twice each is treated.
 */
export function redactJson(text: string, rules: Rules, account: Account): string | undefined {
  return new JsonRedaction(text, rules, account).redacted();
}

/** One walk over one text. A class, and one file, for this is the hot path of redaction. */
class JsonRedaction {
  readonly #text: string;
  readonly #rules: Rules;
  readonly #account: Account;
  #parts = '';
  /** Up to here the text is in the parts. */
  #copied = 0;
  #depth = 0;

  constructor(text: string, rules: Rules, account: Account) {
    this.#text = text;
    this.#rules = rules;
    this.#account = account;
  }

  redacted(): string | undefined {
    const selected = [this.#rules.selection];
    const place = { duty: dutyAt(noDuty, selected, this.#rules.list), selected, field: '' };
    const start = blanksEnd(this.#text, 0);
    const end = place.duty.drop ? this.#dropped(start, place) : this.#value(start, place);
    if (end === FAILED || blanksEnd(this.#text, end) !== this.#text.length) return undefined;
    return this.#copied === 0 ? this.#text : this.#parts + this.#text.slice(this.#copied);
  }

  /** Replaces a stretch; always behind the one before. */
  #replace(start: number, end: number, source: string): void {
    this.#parts += this.#text.slice(this.#copied, start) + source;
    this.#copied = end;
  }

  /** The whole value is dropped. */
  #dropped(start: number, { duty }: Place): number {
    const end = this.#value(start, unselected);
    if (end !== FAILED && duty.drop) {
      this.#account.applied.add(duty.drop);
      this.#replace(start, end, NOTHING);
    }
    return end;
  }

  /** Returns where the value ends, or FAILED. */
  #value(at: number, place: Place): number {
    this.#account.steps += 1 + place.selected.length;
    if (this.#account.steps > REDACTED_STEPS) return FAILED;
    if (place.duty.hash) return this.#hashed(at, place.duty);
    const code = this.#text.charCodeAt(at);
    if (code === 123 || code === 91) {
      if (this.#depth >= REDACTED_DEPTH) return FAILED;
      this.#depth++;
      const end = code === 123 ? this.#object(at, place) : this.#list(at, place);
      this.#depth--;
      return end;
    }
    return code === 34 ? this.#string(at, place) : this.#scalar(at, place);
  }

  #object(start: number, place: Place): number {
    const text = this.#text;
    const removal = createRemoval();
    const names: Names | undefined = place.duty.searches.length > 0 ? {} : undefined;
    let at = blanksEnd(text, start + 1);
    if (text.charCodeAt(at) === 125) return at + 1;
    for (;;) {
      const nameEnd = stringEnd(text, at);
      if (nameEnd === FAILED) return FAILED;
      const colon = blanksEnd(text, nameEnd);
      if (text.charCodeAt(colon) !== COLON) return FAILED;
      const field = this.#isPlain(place) ? '' : heldText(text.slice(at, nameEnd));
      const inner = this.#inner(place, field, field);
      this.#keepOrRemove(removal, at, inner.duty);
      if (names && !inner.duty.drop) this.#searchName(at, nameEnd, { place, field, names });
      const end = this.#member(blanksEnd(text, colon + 1), inner);
      if (end === FAILED) return FAILED;
      at = blanksEnd(text, end);
      const code = text.charCodeAt(at);
      this.#endMember(removal, { end, comma: code === COMMA ? at : FAILED });
      if (code === 125) return at + 1;
      if (code !== COMMA) return FAILED;
      at = blanksEnd(text, at + 1);
    }
  }

  #list(start: number, place: Place): number {
    const text = this.#text;
    const removal = createRemoval();
    let at = blanksEnd(text, start + 1);
    if (text.charCodeAt(at) === 93) return at + 1;
    for (let index = 0; ; index++) {
      const segment = place.selected.length === 0 ? '' : String(index);
      const inner = this.#inner(place, segment, place.field);
      this.#keepOrRemove(removal, at, inner.duty);
      const end = this.#member(at, inner);
      if (end === FAILED) return FAILED;
      at = blanksEnd(text, end);
      const code = text.charCodeAt(at);
      this.#endMember(removal, { end, comma: code === COMMA ? at : FAILED });
      if (code === 93) return at + 1;
      if (code !== COMMA) return FAILED;
      at = blanksEnd(text, at + 1);
    }
  }

  /** Whether names say nothing here: nothing is selected below, and nothing searched. */
  #isPlain({ selected, duty }: Place): boolean {
    return selected.length === 0 && duty.searches.length === 0;
  }

  #inner(place: Place, segment: string, field: string): Place {
    const selected = descend(place.selected, segment);
    const duty =
      selected.length === 0 ? place.duty : dutyAt(place.duty, selected, this.#rules.list);
    return { duty, selected, field };
  }

  #member(at: number, inner: Place): number {
    return this.#value(at, inner.duty.drop ? unselected : inner);
  }

  /** A member begins: decides whether the separators before it go. */
  #keepOrRemove(removal: Removal, start: number, duty: Duty): void {
    removal.drops = duty.drop !== undefined;
    if (duty.drop) this.#account.applied.add(duty.drop);
    // Those before were removed, and nothing is kept before them: their separator goes too.
    if (removal.open !== FAILED) this.#replace(removal.open, start, '');
    removal.open = FAILED;
    removal.start = start;
  }

  /** A member ends: removes it with the separator before it, or, when it comes first, behind it. */
  #endMember(removal: Removal, { end, comma }: { end: number; comma: number }): void {
    if (!removal.drops) removal.hasKept = true;
    else if (removal.hasKept) this.#replace(removal.comma, end, '');
    else if (comma === FAILED) this.#replace(removal.start, end, '');
    else removal.open = removal.start;
    removal.comma = comma;
  }

  #searchName(
    start: number,
    end: number,
    { place, field, names }: { place: Place; field: string; names: Names },
  ): void {
    const made = searched(field, place.duty.searches, '', this.#account);
    if (made === field) return;
    // Two names that became the same stay two members.
    names.made ??= new Map();
    const count = (names.made.get(made) ?? 0) + 1;
    names.made.set(made, count);
    this.#replace(start, end, JSON.stringify(count === 1 ? made : `${made} ${count}`));
  }

  #string(start: number, { duty, field }: Place): number {
    const end = stringEnd(this.#text, start);
    if (end === FAILED || duty === noDuty) return end;
    const text = heldText(this.#text.slice(start, end));
    const made = dutyOnText(text, duty, field, this.#account);
    if (made !== text) this.#replace(start, end, JSON.stringify(made));
    return end;
  }

  #scalar(start: number, { duty, field }: Place): number {
    const end = scalarEnd(this.#text, start);
    if (end === FAILED || duty === noDuty) return end;
    const source = this.#text.slice(start, end);
    if (source === 'null') return end;
    const isNumber = source !== 'true' && source !== 'false';
    if (duty.mask) {
      this.#account.applied.add(duty.mask);
      this.#replace(start, end, isNumber ? '0' : 'false');
    } else if (isNumber && duty.searches.length > 0) {
      const made = this.#searchedNumber(source, duty, field);
      if (made !== source) this.#replace(start, end, JSON.stringify(made));
    }
    return end;
  }

  /** A number in which something is found becomes a text. */
  #searchedNumber(source: string, { searches }: Duty, field: string): string {
    const unsigned = source.startsWith('-') ? source.slice(1) : source;
    const digits = wholeDigits(unsigned) ?? unsigned;
    const made = searched(digits, searches, field, this.#account);
    if (made !== digits) return made;
    const madeOfSource =
      digits === unsigned ? unsigned : searched(unsigned, searches, field, this.#account);
    return madeOfSource === unsigned ? source : madeOfSource;
  }

  #hashed(start: number, { hash }: Duty): number {
    this.#account.steps += STEPS_PER_HASH;
    const end = this.#value(start, unselected);
    if (end === FAILED || hash === undefined) return end;
    try {
      const value: unknown = JSON.parse(this.#text.slice(start, end));
      this.#replace(start, end, JSON.stringify(hashOf(value, this.#account.hashKey)));
    } catch {
      return FAILED;
    }
    this.#account.applied.add(hash);
    return end;
  }
}

/** A value of which nothing is asked but that it is JSON. */
const unselected: Place = { duty: noDuty, selected: [], field: '' };

/** What names of one object became, and how often. */
interface Names {
  made?: Map<string, number>;
}

/** Where the members of one object or list stand, of which some are removed. */
interface Removal {
  /** Whether the member at hand is removed. */
  drops: boolean;
  hasKept: boolean;
  /** Where it starts. */
  start: number;
  /** The comma before it. */
  comma: number;
  /** Where the first of those starts that are removed up to the next, for nothing is kept before. */
  open: number;
}

function createRemoval(): Removal {
  return { drops: false, hasKept: false, start: FAILED, comma: FAILED, open: FAILED };
}

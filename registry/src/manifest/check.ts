import type { DescEnum } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { WeirError } from '@weir/kit';
import type { Fault, Path } from './fault.ts';

/** Collects the faults of a manifest. */
export interface Checker {
  readonly faults: Fault[];
  fault(path: Path, text: string): void;
  /** Runs a parser of names or versions; what it refuses is a fault. */
  parsed(path: Path, parse: (field: string) => unknown): void;
  /** One line of text. */
  line(path: Path, text: string, charsMax: number): void;
  /** Text that may have several lines. */
  prose(path: Path, text: string, charsMax: number): void;
  tags(path: Path, tags: readonly string[]): void;
  count(path: Path, count: number, max: number): void;
  /** A value that the enum has, or none stated. */
  known(path: Path, desc: DescEnum, value: number): void;
  duration(path: Path, duration: Duration | undefined, maxMs: number): void;
}

const TAGS_MAX = 32;
const TAG_CHARS_MAX = 63;
/** The greatest length of a title, category or owner. */
export const LINE_CHARS_MAX = 200;
/** The greatest length of a description. */
export const PROSE_CHARS_MAX = 4000;

/** Begins to check a manifest. */
export function createChecker(): Checker {
  const faults: Fault[] = [];
  const fault = (path: Path, text: string) => void faults.push({ path, text });

  function bounded(path: Path, text: string, charsMax: number): void {
    if (text.length > charsMax) fault(path, `longer than ${charsMax} characters; shorten it`);
    if (!text.isWellFormed()) fault(path, 'holds half a surrogate pair');
  }

  return {
    faults,
    fault,
    parsed(path, parse) {
      try {
        parse('');
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        fault(path, error.violations[0]?.description ?? error.message);
      }
    },
    line(path, text, charsMax) {
      bounded(path, text, charsMax);
      if (/\p{Cc}/u.test(text)) fault(path, 'holds a control character; leave it out');
    },
    prose(path, text, charsMax) {
      bounded(path, text, charsMax);
      if (/[^\P{Cc}\n\r\t]/u.test(text)) fault(path, 'holds a control character; leave it out');
    },
    tags(path, tags) {
      if (tags.length > TAGS_MAX) fault(path, `more than ${TAGS_MAX} tags`);
      for (const index of repeatsIn(tags)) {
        fault([...path, index], `the tag ${JSON.stringify(tags[index])} stands twice`);
      }
      tags.forEach((tag, index) => {
        const at = [...path, index];
        if (tag.trim() === '') fault(at, 'the tag is empty; leave it out');
        this.line(at, tag, TAG_CHARS_MAX);
      });
    },
    count(path, count, max) {
      if (count > max) fault(path, `more than ${max}`);
    },
    known(path, desc, value) {
      if (!desc.value[value]) fault(path, `${value} is not a value of ${desc.name}`);
    },
    duration(path, duration, maxMs) {
      if (!duration) return;
      const ms = durationMs(duration);
      const whole = duration.nanos >= 0 && duration.nanos < 1e9;
      if (ms < 0 || !whole) fault(path, 'is negative or malformed');
      if (ms > maxMs) fault(path, `is longer than ${maxMs / 1000} s`);
    },
  };
}

/** Where texts stand that stood before. Manifests may come with hundreds of thousands. */
export function repeatsIn(texts: readonly string[]): number[] {
  const seen = new Set<string>();
  return texts.flatMap((text, index) => {
    if (seen.has(text)) return [index];
    seen.add(text);
    return [];
  });
}

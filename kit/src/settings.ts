import { resolve } from 'node:path';
import { weirVariables } from './variables.ts';

/** A setting that is missing, wrong or unknown: which variable, why, and how to mend it. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  /** The environment variable. */
  readonly variable: string;
  /** What is wrong. */
  readonly reason: string;
  /** How to mend it. */
  readonly mend: string;

  constructor(variable: string, reason: string, mend: string) {
    super(`${variable} ${reason}; ${mend}`);
    this.variable = variable;
    this.reason = reason;
    this.mend = mend;
  }
}

/** What listening failed with, as the one who started the process can mend it. */
export function listenFault(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const at = `the address ${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new SettingsError(at, 'is in use by another process', 'choose another port');
    case 'EACCES':
      return new SettingsError(at, 'may not be used by this user', 'choose a port above 1023');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new SettingsError(at, 'is none of this machine', 'choose one that it has');
    default:
      return error;
  }
}

/** One setting, read from one environment variable. */
export interface Setting<T> {
  /** The environment variable, such as `WEIR_PORT`. */
  readonly variable: string;
  /** What it sets, in a sentence. */
  readonly doc: string;
  /** The text that stands for the variable when it is not set. Undefined: it must be set. */
  readonly default: string | undefined;
  /** What is written, such as "ms" or "a URL". */
  readonly unit: string;
  /** Turns the text into the value. Throws SettingsError. */
  parse(text: string): T;
  /** The value when the variable is not set and there is no default. */
  readonly absent?: () => T;
}

/** The values of settings of which each may be left out. */
export type GivenSettings<T> = {
  readonly [K in keyof T]?: (T[K] extends { parse(text: string): infer V } ? V : never) | undefined;
};

/** What every builder of a setting takes. */
export interface SettingDoc {
  /** What it sets, in a sentence. */
  readonly doc: string;
  /** The text that stands for the variable when it is not set. Left out: it must be set. */
  readonly default?: string | undefined;
}

/** The bounds of a number. */
export interface Bounds {
  /** The least value allowed. */
  readonly min?: number;
  /** The greatest value allowed. */
  readonly max?: number;
}

/** A text; bounded by `maxChars` (4096). */
export function text(variable: string, spec: SettingDoc & { maxChars?: number }): Setting<string> {
  const maxChars = spec.maxChars ?? 4096;
  return setting(variable, spec, 'text', (value, wrong) =>
    value.length <= maxChars ? value : wrong('is too long', `use at most ${maxChars} characters`),
  );
}

/** A whole number within bounds. */
export function integer(variable: string, spec: SettingDoc & Bounds): Setting<number> {
  return setting(variable, spec, 'number', (value, wrong) => {
    if (!/^-?\d{1,15}$/.test(value)) return wrong('is not a whole number', 'write digits only');
    return within(Number(value), spec, wrong);
  });
}

/** A share from 0 to 1, such as `0.01`. */
export function share(variable: string, spec: SettingDoc): Setting<number> {
  return setting(variable, spec, 'share', (value, wrong) => {
    if (/^(0(\.\d+)?|1(\.0+)?)$/.test(value)) return Number(value);
    return wrong('is not a share', 'write a number from 0 to 1, such as 0.01');
  });
}

/** A port: 1 to 65535, or 0 for one that the system chooses. */
export function port(variable: string, spec: SettingDoc): Setting<number> {
  return { ...integer(variable, { ...spec, min: 0, max: 65_535 }), unit: 'port' };
}

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration in milliseconds, written with its unit: `250ms`, `30s`, `5m`, `2h`, `1d`. */
export function durationMs(variable: string, spec: SettingDoc & Bounds): Setting<number> {
  return scaled(variable, spec, {
    unit: 'duration',
    units: durationUnits,
    example: '250ms or 30s',
  });
}

const byteUnits = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** A number of bytes, written with its unit: `512B`, `64KiB`, `256MiB`, `1GiB`. */
export function bytes(variable: string, spec: SettingDoc & Bounds): Setting<number> {
  return scaled(variable, spec, { unit: 'bytes', units: byteUnits, example: '64KiB or 256MiB' });
}

/** A URL with one of the given protocols (http and https). Its password, if any, stays in it. */
export function url(
  variable: string,
  spec: SettingDoc & { protocols?: readonly string[] },
): Setting<string> {
  const protocols = spec.protocols ?? ['http', 'https'];
  return setting(variable, spec, 'URL', (value, wrong) => {
    const protocol = URL.canParse(value) ? new URL(value).protocol.slice(0, -1) : undefined;
    if (protocol !== undefined && protocols.includes(protocol)) return value;
    const examples = protocols.map((name) => `${name}://…`).join(' or ');
    return wrong('is not a URL that can be used here', `write ${examples}`);
  });
}

/** A path, made absolute from the working directory. */
export function path(variable: string, spec: SettingDoc): Setting<string> {
  return setting(variable, spec, 'path', (value) => resolve(value));
}

/** One of a few words. */
export function choice<const T extends string>(
  variable: string,
  words: readonly T[],
  spec: SettingDoc,
): Setting<T> {
  return setting(variable, spec, words.join(' | '), (value, wrong) => {
    const word = words.find((candidate) => candidate === value);
    return word ?? wrong('is not one of the words known', `use ${words.join(', ')}`);
  });
}

/** Yes or no: `true`, `1`, `yes`, `on`, or `false`, `0`, `no`, `off`. */
export function flag(variable: string, spec: SettingDoc): Setting<boolean> {
  return setting(variable, spec, 'true | false', (value, wrong) => {
    if (/^(true|1|yes|on)$/i.test(value)) return true;
    if (/^(false|0|no|off)$/i.test(value)) return false;
    return wrong('is neither yes nor no', 'use true or false');
  });
}

/** Makes a setting one that need not be set. */
export function optional<T>(inner: Setting<T>): Setting<T | undefined> {
  return { ...inner, absent: () => undefined };
}

/**
 * Reads declared settings from the environment into a frozen configuration. A variable that is
 * set to nothing counts as not set. Throws SettingsError for a value that cannot be used, a
 * value that is missing, and a variable beginning with `WEIR_` that no process of Weir's reads.
 */
export function readSettings<T extends object>(
  spec: { [K in keyof T]: Setting<T[K]> },
  env: NodeJS.ProcessEnv,
): Readonly<T> {
  const settings = Object.entries(spec) as [keyof T, Setting<T[keyof T]>][];
  refuseUnknown([...settings.map(([, one]) => one.variable), ...weirVariables], env);
  const values: Partial<T> = {};
  for (const [name, one] of settings) values[name] = readOne(one, env);
  return Object.freeze(values as T);
}

function readOne<T>(one: Setting<T>, env: NodeJS.ProcessEnv): T {
  const given = env[one.variable]?.trim();
  if (given !== undefined && given !== '') return one.parse(given);
  if (one.default !== undefined) return one.parse(one.default);
  if (one.absent !== undefined) return one.absent();
  throw new SettingsError(one.variable, 'is not set', `set it: ${one.doc} (${one.unit})`);
}

function refuseUnknown(known: readonly string[], env: NodeJS.ProcessEnv): void {
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('WEIR_') || known.includes(variable)) continue;
    const near = known.find((candidate) => editDistance(candidate, variable) <= 2);
    const mend = near === undefined ? 'remove it, or see the list of settings' : `use ${near}`;
    throw new SettingsError(variable, 'is not a setting', mend);
  }
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

type Wrong = (reason: string, mend: string) => never;

function setting<T>(
  variable: string,
  spec: SettingDoc,
  parser: string,
  parse: (value: string, wrong: Wrong) => T,
): Setting<T> {
  const wrong: Wrong = (reason, mend) => {
    throw new SettingsError(variable, reason, mend);
  };
  return {
    variable,
    doc: spec.doc,
    default: spec.default,
    unit: parser,
    parse: (value) => parse(value, wrong),
  };
}

function scaled(
  variable: string,
  spec: SettingDoc & Bounds,
  scale: { unit: string; units: Readonly<Record<string, number>>; example: string },
): Setting<number> {
  return setting(variable, spec, scale.unit, (value, wrong) => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(value) ?? [];
    const factor = unit === undefined ? undefined : scale.units[unit];
    if (factor === undefined) {
      return wrong('is not a number with a unit', `write it as ${scale.example}`);
    }
    return within(Math.round(Number(digits) * factor), { min: 0, ...spec }, wrong);
  });
}

function within(value: number, bounds: Bounds, wrong: Wrong): number {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = bounds;
  if (value >= min && value <= max) return value;
  return wrong(`is ${value}, out of bounds`, `use ${min} to ${max}`);
}

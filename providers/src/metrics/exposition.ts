/** The kinds of metric that the two text formats know. */
export type FamilyType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown';

/** One measured value of a metric. */
export interface Sample {
  /** The name on the line: that of the family, or with a suffix such as `_bucket`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** May be NaN or infinite. */
  readonly value: number;
  /** When it was measured, as the line says, in milliseconds since 1970. */
  readonly timestampMs?: number;
}

/** A metric with all that was measured of it. */
export interface Family {
  readonly name: string;
  type: FamilyType;
  help: string;
  unit: string;
  readonly samples: Sample[];
}

/** What a Prometheus endpoint said. */
export interface Exposition {
  readonly families: ReadonlyMap<string, Family>;
  /** Lines that could not be read, and were left out. */
  readonly badLines: number;
}

const suffixes: Readonly<Record<FamilyType, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  summary: ['_count', '_sum', '_created'],
  info: ['_info'],
  stateset: [],
  unknown: [],
};

const typeWords: Readonly<Record<string, FamilyType>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'gaugehistogram',
  summary: 'summary',
  info: 'info',
  stateset: 'stateset',
  unknown: 'unknown',
  untyped: 'unknown',
};

interface Reading {
  readonly families: Map<string, Family>;
  readonly isOpenMetrics: boolean;
  badLines: number;
}

/**
 * Reads the Prometheus text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/)
 * or OpenMetrics 1.0, with quoted UTF-8 names. A line that makes no sense is left out and counted.
 */
export function parseExposition(text: string, format: 'prometheus' | 'openmetrics'): Exposition {
  const reading: Reading = {
    families: new Map(),
    isOpenMetrics: format === 'openmetrics',
    badLines: 0,
  };
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '') continue;
    if (line === '# EOF' && reading.isOpenMetrics) break;
    if (line.startsWith('#')) readComment(reading, line);
    else if (!readSample(reading, line)) reading.badLines += 1;
  }
  return { families: reading.families, badLines: reading.badLines };
}

function readComment(reading: Reading, line: string): void {
  const match = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|[^\s"]+)(?:[ \t](.*))?$/s.exec(
    line,
  );
  if (!match) return;
  const [, word, token = '', rest = ''] = match;
  const family = familyOf(
    reading,
    token.startsWith('"') ? unescapeText(token.slice(1, -1)) : token,
  );
  if (word === 'HELP') family.help = unescapeText(rest);
  if (word === 'UNIT') family.unit = rest.trim();
  if (word === 'TYPE') family.type = typeWords[rest.trim().toLowerCase()] ?? 'unknown';
}

function familyOf(reading: Reading, name: string): Family {
  const known = reading.families.get(name);
  if (known) return known;
  const family: Family = { name, type: 'unknown', help: '', unit: '', samples: [] };
  reading.families.set(name, family);
  return family;
}

function readSample(reading: Reading, line: string): boolean {
  const head = readHead(line);
  if (!head) return false;
  const [valueText, timestampText, ...more] = (line.slice(head.end).split(' # ', 1)[0] ?? '')
    .trim()
    .split(/[ \t]+/);
  const value = toNumber(valueText ?? '');
  if (value === undefined || more.length > 0) return false;
  const timestampMs = toTimestampMs(reading, timestampText);
  if (Number.isNaN(timestampMs)) return false;
  const sample = { name: head.name, labels: head.labels, value };
  const family = owningFamily(reading, head.name);
  family.samples.push(timestampMs === undefined ? sample : { ...sample, timestampMs });
  return true;
}

/** OpenMetrics writes seconds, the older format milliseconds. NaN: not a time. */
function toTimestampMs(reading: Reading, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = toNumber(text);
  if (value === undefined || !Number.isFinite(value)) return Number.NaN;
  return Math.round(reading.isOpenMetrics ? value * 1000 : value);
}

/** The family whose type allows this name: `x_bucket` belongs to the histogram `x`. */
function owningFamily(reading: Reading, name: string): Family {
  const own = reading.families.get(name);
  if (own) return own;
  const cut = name.lastIndexOf('_');
  if (cut > 0) {
    const family = reading.families.get(name.slice(0, cut));
    if (family && suffixes[family.type].includes(name.slice(cut))) return family;
  }
  return familyOf(reading, name);
}

interface Head {
  readonly name: string;
  readonly labels: Record<string, string>;
  /** Where the value begins. */
  readonly end: number;
}

const bareName = /[a-zA-Z_:][a-zA-Z0-9_:.]*/y;
const quotedText = /"((?:[^"\\]|\\.)*)"/y;
const blanks = /[ \t]*/y;

/** Reads `name{label="value",…}` or `{"name",label="value",…}`. */
function readHead(line: string): Head | undefined {
  bareName.lastIndex = 0;
  let name = bareName.exec(line)?.[0] ?? '';
  let at = skipBlanks(line, name.length);
  const labels: Record<string, string> = Object.create(null);
  if (line[at] !== '{')
    return name === '' || at === name.length ? undefined : { name, labels, end: at };
  at = skipBlanks(line, at + 1);
  while (line[at] !== '}') {
    const label = readLabel(line, at);
    if (!label) return undefined;
    if (label.value !== undefined) labels[label.name] = label.value;
    else if (name === '' && label.isQuoted) name = label.name;
    else return undefined;
    at = skipBlanks(line, label.end);
    if (line[at] === ',') at = skipBlanks(line, at + 1);
    else if (line[at] !== '}') return undefined;
  }
  return name === '' ? undefined : { name, labels, end: at + 1 };
}

interface Label {
  readonly name: string;
  readonly isQuoted: boolean;
  /** Absent: a name alone, which is that of the metric. */
  readonly value?: string;
  readonly end: number;
}

function readLabel(line: string, start: number): Label | undefined {
  const isQuoted = line[start] === '"';
  const pattern = isQuoted ? quotedText : bareName;
  pattern.lastIndex = start;
  const match = pattern.exec(line);
  if (!match) return undefined;
  const name = isQuoted ? unescapeText(match[1] ?? '') : match[0];
  const equals = skipBlanks(line, start + match[0].length);
  if (line[equals] !== '=') return { name, isQuoted, end: equals };
  quotedText.lastIndex = skipBlanks(line, equals + 1);
  const value = quotedText.exec(line);
  if (!value) return undefined;
  return {
    name,
    isQuoted,
    value: unescapeText(value[1] ?? ''),
    end: value.index + value[0].length,
  };
}

function skipBlanks(line: string, at: number): number {
  blanks.lastIndex = at;
  return at + (blanks.exec(line)?.[0].length ?? 0);
}

function unescapeText(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(.)/gs, (_all, char: string) => (char === 'n' ? '\n' : char));
}

function toNumber(text: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (!special) return undefined;
  if (special[2]?.toLowerCase() === 'nan') return Number.NaN;
  return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** A metric as a scrape shows it. */
interface Family {
  readonly name: string;
  readonly type: string;
  /** Without `le` and `service`, which go without saying. */
  readonly labels: ReadonlySet<string>;
  /** Each with its labels, as text. */
  readonly series: readonly string[];
}

/** What `/metrics` of an operations port says. */
export async function scrape(opsPort: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${opsPort}/metrics`);
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  return response.text();
}

/** Reads a text in the format of Prometheus. */
export function familiesOf(text: string): Map<string, Family> {
  const families = new Map<
    string,
    { name: string; type: string; labels: Set<string>; series: string[] }
  >();
  for (const line of text.split('\n')) {
    const [, declared = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (declared) families.set(declared, { name: declared, type, labels: new Set(), series: [] });
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', inner = ''] = /^([a-zA-Z0-9_:]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (!family) throw new Error(`no TYPE stands before: ${line}`);
    family.series.push(`${name}{${inner}}`);
    for (const [, label = ''] of inner.matchAll(/([a-zA-Z_]+)="(?:[^"\\]|\\.)*"/g)) {
      if (label !== 'le' && label !== 'service') family.labels.add(label);
    }
  }
  return families;
}

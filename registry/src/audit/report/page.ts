import { type Html, html, joined, type Part } from './html.ts';

const STYLE = `
:root { color-scheme: light; --ink: #1c2430; --dim: #5b6675; --line: #d8dee6; --head: #f3f6f9; --bad: #a3161b; --good: #1c6b3c; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 32px; color: var(--ink); background: #fff;
  font: 14px/1.5 system-ui, "Noto Sans", "Noto Sans SC", "Noto Sans TC", "PingFang SC", "PingFang TC", "Microsoft YaHei", "Microsoft JhengHei", sans-serif; }
header { border-bottom: 3px solid var(--ink); margin-bottom: 20px; padding-bottom: 12px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
header p { margin: 0; color: var(--dim); }
h2 { font-size: 18px; margin: 32px 0 6px; break-after: avoid; }
h2 + p { margin-top: 0; }
p { max-width: 90ch; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 10px 24px; margin: 12px 0; }
dl div { border-left: 3px solid var(--line); padding-left: 10px; }
dt { color: var(--dim); font-size: 12px; }
dd { margin: 0; font-size: 16px; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 10px 0 4px; font-size: 12.5px; }
h3 { font-size: 13px; margin: 16px 0 0; break-after: avoid; }
th, td { text-align: left; vertical-align: top; padding: 5px 8px; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td { min-width: 9ch; } td:nth-child(4) { min-width: 16ch; }
th { background: var(--head); color: var(--dim); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font: 12px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); font-weight: 600; }
.dim { color: var(--dim); }
footer { border-top: 1px solid var(--line); margin-top: 32px; padding-top: 8px; color: var(--dim); font-size: 12px; }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { max-width: none; padding: 0; font-size: 11px; }
  table { font-size: 9.5px; } thead { display: table-header-group; } tr { break-inside: avoid; }
  th { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}`;

/** The beginning of a document that needs nothing else, and may load nothing. */
export function documentHead({
  lang,
  title,
  text,
}: {
  readonly lang: string;
  readonly title: string;
  readonly text: string;
}): Html {
  return html`<!doctype html>
<html lang="${lang}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${{ html: STYLE }}</style></head><body>
<header><h1>${title}</h1><p>${text}</p></header>
`;
}

/** The end of a document. */
export function documentFoot(notes: readonly string[]): Html {
  return html`<footer>${notes.map((note) => html`<p>${note}</p>`)}</footer></body></html>
`;
}

/** A section with its title. */
export function section(title: string, ...parts: readonly Html[]): Html {
  return html`<section><h2>${title}</h2>${parts}</section>
`;
}

/** A paragraph; what stands between backticks is code. */
export function paragraph(text: string): Html {
  const parts = text.split('`');
  const marked = parts.map((part, at) =>
    at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`,
  );
  return html`<p>${marked}</p>`;
}

/** Names and values beside each other. */
export function facts(pairs: readonly (readonly [name: string, value: Part])[]): Html {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly kind?: 'number' | 'time';
}

/** A table; of one without rows a sentence. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
  nothing: string,
): Html {
  if (rows.length === 0) return html`<p class="dim">${nothing}</p>`;
  // A column in which nothing stands is left out.
  const used = columns.map((_, at) => rows.some((row) => !isEmpty(row[at])));
  const kinds = columns.map(({ kind = '' }) => kind);
  const head = columns.map(({ title }, at) => html`<th class="${kinds[at] ?? ''}">${title}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((cell, at) => html`<td class="${kinds[at] ?? ''}">${cell}</td>`);
    return html`<tr>${cells.filter((_, at) => used[at])}</tr>
`;
  });
  return html`<table><thead><tr>${head.filter((_, at) => used[at])}</tr></thead><tbody>
${joined(body)}</tbody></table>`;
}

/** What a table of a section is called. */
export function subtitle(title: string): Html {
  return html`<h3>${title}</h3>`;
}

function isEmpty(cell: Part | undefined): boolean {
  return cell === undefined || cell === '' || (Array.isArray(cell) && cell.length === 0);
}

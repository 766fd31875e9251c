import type { Item } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { indent, safeText, widthOf } from './text.ts';

/** The value of an item: parsed JSON, text, or a note about what cannot be shown. */
export type Value =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly sizeBytes: number; readonly contentType: string }
  | { readonly kind: 'binary'; readonly sizeBytes: number; readonly contentType: string };

/** Reads the value of an item as its content type says. */
export function readValue(item: Item): Value {
  const contentType = item.contentType || 'application/json';
  if (item.body.case === 'url') {
    return { kind: 'link', sizeBytes: Number(item.sizeBytes), contentType };
  }
  const payload = item.body.value ?? new Uint8Array();
  const text = isTextual(contentType) ? decode(payload) : undefined;
  if (text === undefined) return { kind: 'binary', sizeBytes: payload.length, contentType };
  if (!isJson(contentType)) return { kind: 'text', text };
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'text', text };
  }
}

/** Renders a value for people: text as it is, JSON over several lines with its prose below. */
export function renderValue(value: Value): string {
  switch (value.kind) {
    case 'json':
      return safeText(renderJson(value.value));
    case 'text':
      return safeText(value.text.trimEnd());
    case 'link':
      return `${value.sizeBytes} bytes of ${safeText(value.contentType)}, too large to show; --output FILE saves them.`;
    case 'binary':
      return `${value.sizeBytes} bytes of ${safeText(value.contentType)}; --raw writes them out.`;
    default:
      return value satisfies never;
  }
}

/** Cuts text to a number of screen rows, and says how much is missing. */
export function cutToRows(
  text: string,
  limit: { readonly rows: number; readonly columns: number },
): string {
  const lines = text.split('\n');
  let rowsLeft = limit.rows;
  let kept = 0;
  for (const line of lines) {
    rowsLeft -= Math.max(1, Math.ceil(widthOf(line) / Math.max(1, limit.columns)));
    if (rowsLeft < 0) break;
    kept += 1;
  }
  const missing = lines.length - kept;
  // The note takes a row too, so one missing line is shown instead of it.
  if (missing <= 1 && lines.length > 1) return text;
  if (missing === 0) return text;
  const shown = lines.slice(0, kept);
  return [...shown, `… ${missing} more lines; --raw shows all of the value.`].join('\n');
}

// Strings of several lines are unreadable inside JSON, so those at the top stand below it.
function renderJson(value: unknown): string {
  if (!isRecord(value)) return JSON.stringify(value, undefined, 2);
  const entries = Object.entries(value);
  const prose = entries.filter(isProse);
  const rest = Object.fromEntries(entries.filter((entry) => !isProse(entry)));
  const head = prose.length === entries.length ? [] : [JSON.stringify(rest, undefined, 2)];
  return [
    ...head,
    ...prose.map(([name, text]) => `${name}:\n${indent(text.trimEnd(), '  ')}`),
  ].join('\n');
}

function isProse(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === 'string' && entry[1].trimEnd().includes('\n');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isJson(contentType: string): boolean {
  return /^[^;]*[/+]json\s*(;|$)/i.test(contentType);
}

function isTextual(contentType: string): boolean {
  return (
    isJson(contentType) || /^(text\/|application\/(xml|yaml|sql)\b|[^;]*\+xml)/i.test(contentType)
  );
}

function decode(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch {
    return undefined;
  }
}

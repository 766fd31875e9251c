import { isDigit, isLetter } from './digit-groups.ts';
import { HAS_AT } from './features.ts';
import { isSpent, type TextDetector } from './model.ts';

/** Ends of names of files that are no domains: `logo@2x.png`. */
const notDomains = new Set(
  'png jpg jpeg gif svg webp ico css scss less js mjs cjs jsx ts tsx json html htm txt pdf'.split(
    ' ',
  ),
);
const LOCAL_ALSO = '._%+-';
const LOCAL_QUOTED_MAX_CHARS = 64;
const LOCAL_HAN_MAX_CHARS = 64;

/** Addresses of e-mail: of RFC 5321 in the forms that are in use, and of RFC 6531. */
export const email: TextDetector = {
  name: 'email',
  mayHold: (features) => (features & HAS_AT) !== 0,
  find(text, { findings }) {
    let from = 0;
    for (let at = text.indexOf('@'); at >= 0 && !isSpent(findings); ) {
      const start = localStart(text, at, from);
      const end = domainEnd(text, at + 1);
      findings.steps += (end ?? at) - start + 8;
      if (start < at && end !== undefined) {
        findings.finds.push({ start, end, kind: 'email' });
        from = end;
      }
      at = text.indexOf('@', at + 1);
    }
    findings.scanned += text.length;
  },
};

/** Where the part before "@" begins; `at` when there is none. */
function localStart(text: string, at: number, from: number): number {
  if (text[at - 1] === '"') {
    const open = text.lastIndexOf('"', at - 2);
    if (open >= from && at - open <= LOCAL_QUOTED_MAX_CHARS) return open;
  }
  let start = at;
  while (start > from && isLocal(text, start - 1)) start--;
  if (start < at) return start;
  const least = Math.max(from, at - LOCAL_HAN_MAX_CHARS);
  while (start > least && isHan(text.charCodeAt(start - 1))) start--;
  return start;
}

function isLocal(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code >= 128) return isForeignLetter(code);
  if (isDigit(code) || isLetter(code) || LOCAL_ALSO.includes(text[at] ?? ' ')) return true;
  // Of O'Brien, but not the quote before a name.
  return code === 39 && at > 0 && isLetter(text.charCodeAt(at - 1));
}

/** Where the domain ends that begins here; undefined: there is none. */
function domainEnd(text: string, start: number): number | undefined {
  let labels = 0;
  let end: number | undefined;
  let at = start;
  for (;;) {
    const labelEnd = endOfLabel(text, at);
    // Behind an address in Latin letters and a full stop, Chinese is the next sentence.
    if (labelEnd === at || (end !== undefined && isHan(text.charCodeAt(at)))) break;
    labels++;
    if (labels > 1 && isTop(text.slice(at, labelEnd))) end = labelEnd;
    if (text[labelEnd] !== '.') break;
    at = labelEnd + 1;
  }
  // Versions, as of a package: name@1.2.3-beta.rc.
  return end === undefined || /^\d+\.\d+\b/.test(text.slice(start, start + 16)) ? undefined : end;
}

/** Labels are of Han and the like, or have none: what is written behind an address is not its part. */
function endOfLabel(text: string, start: number): number {
  const hasHan = isHan(text.charCodeAt(start));
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    const isPart = hasHan
      ? isHan(code)
      : isDigit(code) || isLetter(code) || isForeignLetter(code) || code === 45;
    if (!isPart) break;
  }
  while (end > start && text[end - 1] === '-') end--;
  return end;
}

function isTop(label: string): boolean {
  if (label.length < 2 || notDomains.has(label.toLowerCase())) return false;
  return /^(?:\p{L}+|xn--[a-z0-9-]+)$/iu.test(label);
}

/** Letters of scripts that put blanks between words. */
function isForeignLetter(code: number): boolean {
  return code >= 0xc0 && code < 0x2000;
}

/** Characters of scripts that put none: Han, kana, hangul. */
function isHan(code: number): boolean {
  return (code >= 0x2e80 && code < 0x3000) || (code >= 0x3041 && code < 0xd800);
}

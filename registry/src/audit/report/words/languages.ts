import { malformed } from '../../../refusals.ts';
import { en } from './en.ts';
import type { ReportWords } from './words.ts';
import { zhCn } from './zh-cn.ts';
import { zhTw } from './zh-tw.ts';

const languages: Readonly<Record<string, ReportWords>> = { en, 'zh-CN': zhCn, 'zh-TW': zhTw };

/** The words of a language; empty: English. */
export function wordsOf(language: string): ReportWords {
  const words = language === '' ? en : languages[language];
  if (words && (language === '' || Object.hasOwn(languages, language))) return words;
  throw malformed('language', `there is "${Object.keys(languages).join('", "')}"`);
}

/** A text with its values in their places. */
export function filled(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

import { matchesGlob } from 'node:path';

/** Tells which paths a .dockerignore leaves out; as with Docker, the last line that matches wins. */
export function readIgnore(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), pattern: line.replace(/^!/, '') }));
  return (path) => {
    const above = path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
    const last = rules.findLast(({ pattern }) => above.some((one) => matchesGlob(one, pattern)));
    return last !== undefined && !last.keeps;
  };
}

/** Whether something below an ignored folder may be kept after all. */
export function mayKeepBelow(text: string, folder: string): boolean {
  const kept = text.split('\n').filter((line) => line.startsWith('!'));
  return kept.some((line) => line.slice(1).startsWith(`${folder}/`));
}

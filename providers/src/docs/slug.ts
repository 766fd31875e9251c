/** Longer headings are cut, so that keys stay within their limit of 1024 bytes. */
const maxSlugChars = 120;

/**
 * Gives headings the anchors that GitHub gives them; one maker per document, since a heading that
 * comes again gets `-1`, `-2` and so on.
 */
export function createSlugs(): (heading: string) => string {
  const taken = new Map<string, number>();
  return (heading) => {
    const base = slugOf(heading);
    let slug = base;
    let count = taken.get(base) ?? 0;
    while (taken.has(slug)) slug = `${base}-${++count}`;
    taken.set(base, count);
    taken.set(slug, 0);
    return slug;
  };
}

function slugOf(heading: string): string {
  const kept = heading
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
  const slug = Array.from(kept).slice(0, maxSlugChars).join('');
  return slug === '' ? 'section' : slug;
}

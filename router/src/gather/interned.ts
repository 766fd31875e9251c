/** How many are remembered, at least; twice as many at most. */
const REMEMBERED = 2_048;
/** Longer names are not looked for: few have the same. */
const NAME_MAX_CHARS = 512;

/** Makes what gives one thing for all equal ones, as far as it remembers; equal names mean equal things. */
export function createInterned<T>(nameOf: (thing: T) => string): (thing: T) => T {
  let recent = new Map<string, T>();
  let before = new Map<string, T>();
  return (thing) => {
    const name = nameOf(thing);
    if (name.length > NAME_MAX_CHARS) return thing;
    const known = recent.get(name);
    if (known !== undefined) return known;
    if (recent.size >= REMEMBERED) {
      before = recent;
      recent = new Map();
    }
    const one = before.get(name) ?? thing;
    recent.set(name, one);
    return one;
  };
}

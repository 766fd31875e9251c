import { wordsOf } from '../suggest/words.ts';

/** Words that Go writes in capitals. */
const initialisms = new Set(
  'acl api ascii cpu css dns eof html http https id ip json rpc sql ssh tcp tls ttl udp ui uid uri url utf8 uuid vm xml'.split(
    ' ',
  ),
);

/** An exported name in Go: `customer_id` → `CustomerID`. */
export function goName(name: string): string {
  const words = wordsOf(name).map((word) => {
    return initialisms.has(word)
      ? word.toUpperCase()
      : word.charAt(0).toUpperCase() + word.slice(1);
  });
  const joined = words.join('').replace(/[^\p{L}\p{Nd}]/gu, '');
  // In scripts without capitals no name would be exported.
  return /^\p{Lu}/u.test(joined) ? joined : `X${joined}`;
}

/** A name that is not taken yet, and is from now on. */
export function freeName(wanted: string, taken: Set<string>): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}${number}`;
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
}

/** The name of a file after a type. An underscore could mean a system or a test. */
export function goFile(type: string, taken: Set<string>): string {
  return freeName(type.toLowerCase(), taken);
}

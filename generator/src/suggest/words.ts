/**
 * The words of a name, in lower case: `userEmailAddress`, `user_email_address` and
 * `User-Email-Address` have the same. Capitals in a row are one word, as in `APIKey`.
 */
export function wordsOf(name: string): readonly string[] {
  return name
    .replace(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .split(/[^\p{L}\d]+/u)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}

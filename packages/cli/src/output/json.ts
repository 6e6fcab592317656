/**
 * Characters that JSON need not escape, but that act on a terminal, mislead the eye, or end a line for other
 * programs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Text of these characters alone has none of those: a quick test. */
const PLAIN = /^[\n -~]*$/;

/**
 * Writes a document as JSON that is safe to look at. It means the same as what `JSON.stringify` gives.
 * @param indent unless given, it is one line
 */
export function toJson(document: unknown, indent?: number): string {
  const text = JSON.stringify(document, undefined, indent);
  if (PLAIN.test(text)) return text;
  return text.replace(UNPRINTABLE, (character) => (character === '\n' ? character : escaped(character)));
}

function escaped(character: string): string {
  const units = character.split(''); // by UTF-16 unit, as JSON counts
  return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}

/**
 * What JSON need not escape, and a terminal would act on, or the eye be misled by; and the ends of a line, as
 * others see them.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** What needs no look at what Unicode says of each character. */
const PLAIN = /^[\n -~]*$/;

/**
 * A document as all that is printed as JSON has it, which says the same as `JSON.stringify` would, and can be
 * looked at.
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

/** Longer names are cut in messages. In UTF-16 units. */
const LONGEST = 120;

/**
 * A name out of an archive as a message can show it: in one line, of bounded length, and without what would
 * act on the terminal or mislead the eye (control characters, bidirectional marks). For people: it cannot be
 * turned back.
 */
export function printableName(name: string): string {
  return printableText(name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name);
}

/** The same for a whole message, in which such names may stand: however long it is. */
export function printableText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${hex(code - 0xdc00, 2)}`; // a byte that is not UTF-8
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`;
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

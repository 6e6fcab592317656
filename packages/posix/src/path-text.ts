import type { PathLike } from 'node:fs';

const ESCAPE_BASE = 0xdc00;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A name as bytes → as a string. Bytes that are not UTF-8 are carried as U+DC80..U+DCFF, one each (Python's
 * surrogateescape), so that `pathToBytes` gives them back exactly.
 */
export function bytesToPath(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return decodeEscaping(bytes);
  }
}

/** The inverse of `bytesToPath`. */
export function pathToBytes(path: string): Buffer {
  if (!hasEscapedBytes(path)) return Buffer.from(path, 'utf8');
  const parts: Buffer[] = [];
  for (const character of path) {
    const code = character.charCodeAt(0);
    const isEscape = character.length === 1 && code >= ESCAPE_BASE + 0x80 && code <= ESCAPE_BASE + 0xff;
    parts.push(isEscape ? Buffer.of(code - ESCAPE_BASE) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** Whether a path, as `bytesToPath` gives it, holds bytes that are not UTF-8. */
export function hasEscapedBytes(path: string): boolean {
  return /[\uDC80-\uDCFF]/u.test(path); // with `u`, half of a surrogate pair does not match
}

/** Takes one pass, however the bytes are: an archive's author chooses them. */
function decodeEscaping(bytes: Uint8Array): string {
  let text = '';
  let validFrom = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      if (at > validFrom) text += strictUtf8.decode(bytes.subarray(validFrom, at));
      text += String.fromCharCode(ESCAPE_BASE + bytes[at]!);
      validFrom = at + 1;
    }
    at += Math.max(length, 1);
  }
  return text + strictUtf8.decode(bytes.subarray(validFrom));
}

/** Bytes in the well-formed sequence at `at`, 0 when none is there (the Unicode Standard, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1] ?? 0;
  if (second < lowest || second > highest) return 0;
  for (let index = 2; index < length; index++) {
    if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

/** A path for `node:fs`, which takes bytes that are not UTF-8 in a buffer. */
export function nodePath(path: string): PathLike {
  return hasEscapedBytes(path) ? pathToBytes(path) : path;
}

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

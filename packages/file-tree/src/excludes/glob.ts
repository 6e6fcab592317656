import { pathToBytes } from '@vzdump-format/posix';
import { type GlobDialect, type GlobToken, parseGlob } from './glob-syntax.js';

const SLASH = 0x2f;

/**
 * A pattern that paths are held against, byte for byte. All the ways in which it can match are followed at
 * once, so that the time is at most that of the path's length times the pattern's, whoever wrote either.
 */
export class Glob {
  /** A text that every path which matches holds: most are told apart by that. */
  private readonly required: string;
  /** Whether the pattern is nothing but that text. */
  private readonly plain: boolean;
  /** The text that every path which matches begins with. */
  private readonly start: string;
  // The tokens reached by what was read so far, and by one more byte: which, and a list of them.
  private reached: Uint8Array;
  private list: number[] = [];
  private next: Uint8Array;
  private nextList: number[] = [];

  private constructor(private readonly tokens: readonly GlobToken[]) {
    this.required = longestText(tokens);
    this.plain = this.required.length === tokens.length;
    this.start = textAtStart(tokens);
    this.reached = new Uint8Array(tokens.length + 1);
    this.next = new Uint8Array(tokens.length + 1);
  }

  /** `undefined` for a pattern that is malformed, and so matches nothing. */
  static parse(pattern: string, dialect: GlobDialect): Glob | undefined {
    const tokens = parseGlob(globText(pattern), dialect);
    return tokens && new Glob(tokens);
  }

  /**
   * @param text as `globText` makes it
   * @param anywhere whether what follows a slash, up to the end, may match instead of all of it
   */
  matches(text: string, anywhere: boolean): boolean {
    if (this.plain) return text === this.required || (anywhere && text.endsWith(`/${this.required}`));
    return text.includes(this.required) && this.run(text, anywhere);
  }

  /** Whether a text that begins with this one could match. @param text as `globText` makes it */
  mayMatchBelow(text: string): boolean {
    return this.start.startsWith(text) || text.startsWith(this.start);
  }

  private run(text: string, anywhere: boolean): boolean {
    this.clear();
    this.reach(0);
    this.swap();
    for (let at = 0; at < text.length; at++) {
      const byte = text.charCodeAt(at);
      for (const token of this.list) this.step(token, byte);
      if (anywhere && byte === SLASH) this.reach(0);
      if (this.nextList.length === 0 && !anywhere) return false;
      this.swap();
    }
    return this.reached[this.tokens.length] === 1;
  }

  private step(index: number, byte: number): void {
    const token = this.tokens[index];
    if (token === undefined) return; // the pattern ended before the text
    if (token.kind === 'byte') {
      if (token.byte === byte) this.reach(index + 1);
    } else if (token.kind === 'one') {
      if (token.set[byte] === 1) this.reach(index + 1);
    } else if (token.kind === 'many') {
      if (token.set[byte] === 1) this.reach(index);
    } else {
      this.mark(index); // within a directory; only a slash leads on
      if (byte === SLASH) this.reach(index + 1);
    }
  }

  /** Reaches a token, and those behind it that need no byte to be passed. */
  private reach(index: number): void {
    for (let at = index; ; at++) {
      if (this.next[at] === 1) return;
      this.mark(at);
      const kind = this.tokens[at]?.kind;
      if (kind !== 'many' && kind !== 'directories') return;
    }
  }

  private mark(index: number): void {
    if (this.next[index] === 1) return;
    this.next[index] = 1;
    this.nextList.push(index);
  }

  private swap(): void {
    [this.reached, this.next] = [this.next, this.reached];
    [this.list, this.nextList] = [this.nextList, this.list];
    for (const index of this.nextList) this.next[index] = 0;
    this.nextList.length = 0;
  }

  private clear(): void {
    this.reached.fill(0);
    this.next.fill(0);
    this.list.length = 0;
    this.nextList.length = 0;
  }
}

/** A path or pattern as its bytes, each a character (latin1), so that `?` is one byte. */
export function globText(path: string): string {
  return /^[\0-\x7f]*$/.test(path) ? path : pathToBytes(path).toString('latin1');
}

function textAtStart(tokens: readonly GlobToken[]): string {
  let text = '';
  for (const token of tokens) {
    if (token.kind !== 'byte') break;
    text += String.fromCharCode(token.byte);
  }
  return text;
}

function longestText(tokens: readonly GlobToken[]): string {
  let longest = '';
  let text = '';
  for (const token of tokens) {
    text = token.kind === 'byte' ? text + String.fromCharCode(token.byte) : '';
    if (text.length > longest.length) longest = text;
  }
  return longest;
}

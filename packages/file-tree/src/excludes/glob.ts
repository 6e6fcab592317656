import { pathToBytes } from '@vzdump-format/posix';

/**
 * A pattern that paths are compared with, byte for byte. All the ways in which it can match are followed at
 * once, so that the time is at most that of the path's length times the pattern's, whoever wrote either.
 */
export class Glob {
  /** A text that every matching path contains: most paths are ruled out by it alone. */
  private readonly required: string;
  /** Whether the pattern is nothing but that text. */
  private readonly plain: boolean;
  /** The text that every matching path begins with. */
  private readonly start: string;
  // The tokens that the bytes so far lead to, and those that one more byte leads to: as flags, and as a
  // list.
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

/** A set of bytes: 1 at the index of each that is in it. */
type ByteSet = Uint8Array;

/**
 * A part of a pattern: a byte, one byte of a set, any number of such bytes (`*`), or any number of
 * directories with the slash behind each (the `**` and slash of the git dialect).
 */
export type GlobToken =
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'one'; readonly set: ByteSet }
  | { readonly kind: 'many'; readonly set: ByteSet }
  | { readonly kind: 'directories' };

/**
 * `fnmatch`: as fnmatch(3) has it without flags, in the C locale; wildcards match slashes too. `git`: as
 * gitignore(5) has it; none but `**` matches a slash, and that only as a component of its own.
 */
export type GlobDialect = 'fnmatch' | 'git';

const SLASH = 0x2f;
const ANY = byteSet(() => true);
const ANY_BUT_SLASH = byteSet((byte) => byte !== SLASH);
/** That of a class, with its brackets: `[:xdigit:]`. */
const LONGEST_NAME = 10;
const BRACKET = '['.charCodeAt(0);

/** The classes of the C locale. */
const CLASSES: ReadonlyMap<string, RegExp> = new Map([
  ['alnum', /[0-9A-Za-z]/],
  ['alpha', /[A-Za-z]/],
  ['blank', /[ \t]/],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  ['cntrl', /[\x00-\x1f\x7f]/],
  ['digit', /[0-9]/],
  ['graph', /[!-~]/],
  ['lower', /[a-z]/],
  ['print', /[ -~]/],
  ['punct', /[!-/:-@[-`{-~]/],
  ['space', /[ \t-\r]/],
  ['upper', /[A-Z]/],
  ['xdigit', /[0-9A-Fa-f]/],
]);

/**
 * Takes a pattern apart.
 * @param pattern bytes, as latin1
 * @returns `undefined` for one that is malformed, and so matches nothing
 */
function parseGlob(pattern: string, dialect: GlobDialect): GlobToken[] | undefined {
  const any = dialect === 'git' ? ANY_BUT_SLASH : ANY;
  const tokens: GlobToken[] = [];
  for (let at = 0; at < pattern.length; ) {
    const letter = pattern[at]!;
    if (letter === '*') {
      const stars = /^\*+/.exec(pattern.slice(at))![0].length;
      const parsed = dialect === 'git' ? parseStars(pattern, at, stars) : undefined;
      tokens.push(parsed?.token ?? { kind: 'many', set: any });
      at = parsed?.end ?? at + stars;
    } else if (letter === '?') {
      tokens.push({ kind: 'one', set: any });
      at++;
    } else if (letter === '[') {
      const bracket = parseBracket(pattern, at + 1, dialect);
      if (bracket === undefined) return undefined;
      tokens.push(bracket.token);
      at = bracket.end;
    } else {
      if (letter === '\\') at++;
      if (at === pattern.length) return undefined; // a backslash with nothing behind it
      tokens.push({ kind: 'byte', byte: pattern.charCodeAt(at) });
      at++;
    }
  }
  return tokens;
}

/** `**` that is a component: any directories before a slash, everything at the end. */
function parseStars(
  pattern: string,
  at: number,
  stars: number,
): { token: GlobToken; end: number } | undefined {
  const end = at + stars;
  if (stars < 2 || (at > 0 && pattern[at - 1] !== '/')) return undefined;
  if (pattern[end] === '/') return { token: { kind: 'directories' }, end: end + 1 };
  return end === pattern.length ? { token: { kind: 'many', set: ANY }, end } : undefined;
}

interface Bracket {
  readonly token: GlobToken;
  /** Behind the closing bracket. */
  readonly end: number;
}

/** `[...]`, from behind the opening bracket on. */
function parseBracket(pattern: string, start: number, dialect: GlobDialect): Bracket | undefined {
  const inverted = pattern[start] === '!' || pattern[start] === '^';
  const first = start + (inverted ? 1 : 0);
  const members = new Uint8Array(256);
  let sound = true;
  for (let at = first; at < pattern.length; ) {
    if (pattern[at] === ']' && at > first) {
      const has = (byte: number) => (inverted ? sound && members[byte] === 0 : members[byte] === 1);
      const set = byteSet((byte) => has(byte) && (dialect === 'fnmatch' || byte !== SLASH));
      return { token: { kind: 'one', set }, end: at + 1 };
    }
    const part = parseNamed(pattern, at, dialect) ?? parseRange(pattern, at);
    if (part === undefined) return undefined;
    if (part.members === undefined && dialect === 'git') return undefined;
    if (part.members === undefined) sound = false;
    if (sound) for (const byte of part.members!) members[byte] = 1;
    at = part.end;
  }
  return sound && dialect === 'fnmatch' ? unclosed(members, start) : undefined;
}

/**
 * A bracket that is not closed. fnmatch takes it for itself; except, since it looks at the members first,
 * where the bracket is one of them.
 */
function unclosed(members: ByteSet, start: number): Bracket | undefined {
  if (members[BRACKET] === 1) return undefined;
  return { token: { kind: 'byte', byte: BRACKET }, end: start };
}

/** A part of what stands in brackets. */
interface Members {
  /** `undefined` for a name that has no meaning: fnmatch gives up where it meets it, and not before. */
  readonly members: readonly number[] | undefined;
  readonly end: number;
}

/** `[:digit:]`; and of fnmatch `[=a=]` and `[.a.]`, which in the C locale are no more than `a`. */
function parseNamed(pattern: string, at: number, dialect: GlobDialect): Members | undefined {
  if (pattern[at] !== '[') return undefined;
  const rest = pattern.slice(at, at + LONGEST_NAME);
  const byClass = /^\[:([a-y]*):\]/.exec(rest);
  if (byClass !== null) return { members: classMembers(byClass[1]!), end: at + byClass[0].length };
  if (dialect === 'git' || !/^\[[.=]/.test(rest)) return undefined;
  const byByte = /^\[([.=])(.)\1\]/s.exec(rest);
  if (byByte !== null) return { members: [byByte[2]!.charCodeAt(0)], end: at + byByte[0].length };
  if (rest[1] === '=') return undefined;
  const closing = pattern.indexOf('.]', at + 2);
  return { members: undefined, end: closing < 0 ? pattern.length : closing + 2 };
}

function classMembers(name: string): number[] | undefined {
  const members = CLASSES.get(name);
  return members && [...Array(128).keys()].filter((byte) => members.test(String.fromCharCode(byte)));
}

/** `a`, or `a-z`. */
function parseRange(pattern: string, at: number): Members | undefined {
  const first = parseMember(pattern, at);
  if (first === undefined) return undefined;
  const { end } = first;
  const isRange = pattern[end] === '-' && end + 1 < pattern.length && pattern[end + 1] !== ']';
  if (!isRange) return { members: [first.byte], end };
  const last = parseMember(pattern, end + 1);
  if (last === undefined) return undefined;
  const count = Math.max(0, last.byte - first.byte + 1);
  return { members: Array.from({ length: count }, (_, index) => first.byte + index), end: last.end };
}

function parseMember(pattern: string, at: number): { byte: number; end: number } | undefined {
  const from = pattern[at] === '\\' ? at + 1 : at;
  return from < pattern.length ? { byte: pattern.charCodeAt(from), end: from + 1 } : undefined;
}

function byteSet(has: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => (has(byte) ? 1 : 0));
}

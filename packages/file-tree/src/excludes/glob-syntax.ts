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
export function parseGlob(pattern: string, dialect: GlobDialect): GlobToken[] | undefined {
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

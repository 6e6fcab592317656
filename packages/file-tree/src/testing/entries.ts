import type { FileEntry } from '../entry/entry.js';

type Details = Partial<FileEntry>;

const PLAIN = { uid: 0, gid: 0, mtime: 1_000_000_000_000_000_000n, size: 0 } as const;

/** A file with a text or bytes. */
export function file(path: string, content: string | Uint8Array = '', details: Details = {}): FileEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { ...PLAIN, path, type: 'file', mode: 0o644, size: bytes.length, content: bytes, ...details };
}

/** A file whose content comes in these pieces. */
export function fileInPieces(path: string, pieces: readonly string[], details: Details = {}): FileEntry {
  const size = Buffer.byteLength(pieces.join(''));
  return file(path, '', { size, content: inPieces(pieces), ...details });
}

/** As often as they are asked for. */
export function inPieces(pieces: readonly string[]): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      for (const piece of pieces) yield Buffer.from(piece);
    },
  };
}

export function directory(path: string, details: Details = {}): FileEntry {
  return { ...PLAIN, path, type: 'directory', mode: 0o755, ...details };
}

export function symlink(path: string, linkTarget: string, details: Details = {}): FileEntry {
  return { ...PLAIN, path, type: 'symlink', mode: 0o777, linkTarget, ...details };
}

export function hardlink(path: string, linkTarget: string, details: Details = {}): FileEntry {
  return { ...PLAIN, path, type: 'hardlink', mode: 0o644, linkTarget, ...details };
}

export function node(
  path: string,
  type: 'block' | 'char' | 'fifo' | 'socket',
  details: Details = {},
): FileEntry {
  const device = type === 'block' || type === 'char' ? { major: 1, minor: 3 } : undefined;
  return { ...PLAIN, path, type, mode: 0o640, device, ...details };
}

export async function* entriesOf(...entries: FileEntry[]): AsyncGenerator<FileEntry> {
  yield* entries;
}

import type { FileEntry } from '@vzdump-format/file-tree';
import { collect } from '@vzdump-format/testing';
import { packPxar } from '../write/pack.js';
import type { PackPxarOptions } from '../write/pack-options.js';
import type { VectorBytes } from './vectors.js';

/** Packs entries into an archive, and if it is to be split, a payload stream. */
export async function pack(
  entries: AsyncIterable<FileEntry> | Iterable<FileEntry>,
  { split = false, ...options }: Omit<PackPxarOptions, 'payload'> & { readonly split?: boolean } = {},
): Promise<VectorBytes> {
  const parts: Uint8Array[] = [];
  const payload = split ? (bytes: Uint8Array) => void parts.push(Uint8Array.from(bytes)) : undefined;
  const archive = await collect(packPxar(entries, { ...options, payload }));
  return { archive, payload: split ? Buffer.concat(parts) : undefined };
}

/** An entry with what most of those in tests have; of a file, the size is that of its content. */
export function entryOf(entry: Pick<FileEntry, 'path' | 'type'> & Partial<FileEntry>): FileEntry {
  const { content } = entry;
  const size = content instanceof Uint8Array ? content.length : 0;
  const mode = entry.type === 'directory' ? 0o755 : 0o644;
  return { mode, uid: 0, gid: 0, mtime: 1_700_000_000_000_000_000n, size, ...entry };
}

export const ROOT = entryOf({ path: '', type: 'directory' });

/** A file in text. */
export function fileOf(path: string, text = ''): FileEntry {
  return entryOf({ path, type: 'file', content: Buffer.from(text) });
}

export function directoryOf(path: string): FileEntry {
  return entryOf({ path, type: 'directory' });
}

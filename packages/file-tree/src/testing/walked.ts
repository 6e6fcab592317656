import type { ArchiveWarning } from '@vzdump-format/streams';
import type { FileEntry } from '../entry/entry.js';
import { type WalkOptions, walk } from '../walk/walk.js';

export interface WalkedEntry extends FileEntry {
  /** The content, all of it. */
  readonly bytes: Buffer | undefined;
}

export interface Walked {
  readonly entries: readonly WalkedEntry[];
  readonly warnings: readonly ArchiveWarning[];
  readonly paths: readonly string[];
  at(path: string): WalkedEntry;
}

export interface WalkTestOptions extends WalkOptions {
  /** What happens to the tree when an entry is there, before its content is read. */
  readonly onEntry?: (entry: FileEntry) => void;
  /** What happens to it when there is a chunk of content. */
  readonly onChunk?: (entry: FileEntry, chunk: number) => void;
}

/** Walks a tree to its end, and reads every content. */
export async function walked(root: string, options: WalkTestOptions = {}): Promise<Walked> {
  const entries: WalkedEntry[] = [];
  const warnings: ArchiveWarning[] = [];
  const onWarning = (warning: ArchiveWarning) => warnings.push(warning);
  for await (const entry of walk(root, { onWarning, ...options })) {
    options.onEntry?.(entry);
    entries.push({ ...entry, bytes: await readContent(entry, options) });
  }
  const paths = entries.map(({ path }) => path);
  return {
    ...{ entries, warnings, paths },
    at: (path) => entries[paths.indexOf(path)] ?? fail(`${path} is not among ${paths.join(', ')}`),
  };
}

async function readContent(entry: FileEntry, { onChunk }: WalkTestOptions): Promise<Buffer | undefined> {
  const { content } = entry;
  if (content === undefined) return undefined;
  if (content instanceof Uint8Array) return Buffer.from(content);
  const chunks: Buffer[] = [];
  for await (const chunk of content) {
    onChunk?.(entry, chunks.length);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

function fail(message: string): never {
  throw new Error(message);
}

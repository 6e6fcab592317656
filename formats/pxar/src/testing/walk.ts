import { BufferSource, readChunks } from '@vzdump-format/streams';
import type { PxarEntry } from '../read/entry-reader.js';
import { openPxar, type PxarArchive } from '../read/random-access.js';
import type { VectorBytes } from './vectors.js';

export async function open({ archive, payload }: VectorBytes): Promise<PxarArchive> {
  return openPxar(new BufferSource(archive), { payload: payload && new BufferSource(payload) });
}

/** All entries of an archive at rest, found by its tables, a directory before what is in it. */
export async function* walk(archive: PxarArchive, directory = archive.root): AsyncGenerator<PxarEntry> {
  yield directory;
  for await (const entry of archive.list(directory)) {
    if (entry.type === 'directory') yield* walk(archive, entry);
    else if (entry.type === 'file') yield { ...entry, content: contentOf(archive, entry) };
    else yield entry;
  }
}

async function* contentOf(archive: PxarArchive, entry: PxarEntry): AsyncGenerator<Uint8Array> {
  yield* readChunks(await archive.open(entry));
}

/**
 * Looks at all that is to be had of an archive at rest, contents and all. Returns how many entries there are.
 */
export async function readAtRandom(bytes: VectorBytes): Promise<number> {
  const archive = await open(bytes);
  const buffer = new Uint8Array(1000);
  let entries = 0;
  for await (const entry of walk(archive)) {
    entries++;
    if (entry.type === 'file' || entry.type === 'hardlink') await (await archive.open(entry)).read(buffer, 0);
  }
  return entries;
}

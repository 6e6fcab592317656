import { goldenTarBytes, goldenTars } from '@vzdump-format/test-vectors';
import { CRAFTED } from './crafted.js';

export interface NamedArchive {
  readonly name: string;
  readonly bytes: Buffer;
}

/** All archives that are read: those of real tools, and those made by hand of which nothing is refused. */
export function readableArchives(): NamedArchive[] {
  return [
    ...goldenTars().map((golden) => ({ name: golden.name, bytes: goldenTarBytes(golden) })),
    ...CRAFTED.filter(({ ours }) => ours.length !== 1 || !ours[0]!.startsWith('TAR_')),
  ];
}

export function goldenArchive(name: string): Buffer {
  return goldenTarBytes({ name });
}

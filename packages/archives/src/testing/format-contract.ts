import { wholeContent } from '@vzdump-format/file-tree';
import { ArchiveError, BufferSource } from '@vzdump-format/streams';
import {
  CHUNK_SIZES,
  collect,
  lending,
  noise,
  overwriting,
  seededRandom,
  sha256,
  testLettingGo,
} from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import type { ArchiveBytes, ArchiveFormat, DiskFormat, TreeFormat } from '../archive-format.js';
import { detectFormat, formats } from '../formats.js';

const OWNER = { uid: 0, gid: 0, mtime: 0n } as const;
const ROOT = { ...OWNER, path: '', type: 'directory', mode: 0o755, size: 0 } as const;
/** Enough for a first chunk. */
const LARGE = noise(3 << 20);
const CUTS = 40;
const DAMAGES = 40;

export interface ArchiveFormatCase {
  readonly format: ArchiveFormat;
  readonly archive: Buffer;
  /** Drives, or entries. */
  readonly holds: readonly string[];
}

/** What every row of the registry of formats promises. Within a `describe`. */
export function testArchiveFormat({ format, archive, holds }: ArchiveFormatCase): void {
  const inMotion = (bytes: AsyncIterable<Uint8Array>): ArchiveBytes => ({ bytes, source: undefined });
  const atRest = (bytes: Uint8Array): ArchiveBytes => {
    const source = new BufferSource(bytes);
    return { bytes: format.read(source), source };
  };

  test('is known by its beginning, and no other is', () => {
    expect(detectFormat(archive.subarray(0, 512), 'a.none')).toBe(format);
    expect(formats.filter((row) => row.detect(archive.subarray(0, 512)))).toEqual([format]);
  });

  test('is the same at rest as in motion, however that is cut', async () => {
    const expected = await contentsOf(format, () => atRest(archive));
    expect(Object.keys(expected)).toEqual(holds);
    for (const size of CHUNK_SIZES) {
      if (size === 1) continue; // the readers' own tests are patient enough
      expect(await contentsOf(format, () => inMotion(overwriting(archive, size))), `${size}`).toEqual(
        expected,
      );
    }
  });

  test('is proven when it is whole', async () => {
    await format.verify(inMotion(overwriting(archive, 4097)), {});
    await format.verify(atRest(archive), {});
  });

  test('is refused wherever it is cut off', async () => {
    let end = archive.length;
    while (archive[end - 1] === 0) end--;
    for (let cut = 1; cut <= CUTS; cut++) {
      const part = archive.subarray(0, cut === CUTS ? end - 1 : Math.floor((end * cut) / CUTS) - (cut % 3));
      const verifying = format.verify(inMotion(overwriting(part, 65536)), {});
      await expect(verifying, `${part.length} of ${archive.length}`).rejects.toBeInstanceOf(ArchiveError);
    }
  });

  test('is read, or refused with an ArchiveError, when it is damaged', async () => {
    const random = seededRandom(1);
    for (let round = 0; round < DAMAGES; round++) {
      const damaged = Buffer.from(archive);
      for (let count = 0; count <= round % 3; count++) damaged[random(damaged.length)]! ^= 1 << random(8);
      for (const opened of [() => atRest(damaged), () => inMotion(overwriting(damaged, 5000))]) {
        const outcome = await contentsOf(format, opened).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ArchiveError);
      }
    }
  });

  if (format.kind === 'disks') testDisks(format, archive, holds);
  else testTree(format, archive);
}

function testDisks(format: DiskFormat, archive: Buffer, holds: readonly string[]): void {
  testLettingGo('stream a drive', {
    takesSignal: true,
    items: () => [archive.subarray(0, archive.length - 4096)],
    run: (source, signal) => format.cat({ bytes: source, source: undefined }, holds[0]!, { signal }),
  });
}

function testTree(format: TreeFormat, archive: Buffer): void {
  const entries = () => format.entries({ bytes: overwriting(archive, 65536), source: undefined }, {});

  test('what it holds, packed again, gives the same bytes', async () => {
    expect((await collect(lending(format.pack(lending(entries()), {})))).equals(archive)).toBe(true);
  });

  testLettingGo('unpack', {
    takesSignal: true,
    items: () => [archive],
    run: (source, signal) => format.entries({ bytes: source, source: undefined }, { signal }),
  });

  testLettingGo('pack', {
    takesSignal: true,
    items: () => [
      ROOT,
      { ...OWNER, path: 'a', type: 'file', mode: 0o644, size: LARGE.length, content: LARGE },
    ],
    run: (source, signal) => format.pack(source, { signal }),
  });
}

/** The hash of each drive or file, by its name; what is no file has none. */
async function contentsOf(
  format: ArchiveFormat,
  open: () => ArchiveBytes,
): Promise<Readonly<Record<string, string>>> {
  const contents: Record<string, string> = {};
  if (format.kind === 'disks') {
    for (const { name } of (await format.list(open(), {})).devices)
      contents[name] = sha256(await collect(lending(format.cat(open(), name, {}))));
  } else {
    for await (const entry of lending(format.entries(open(), {})))
      contents[entry.path] = entry.type === 'file' ? sha256(await collect(wholeContent(entry))) : '';
  }
  return contents;
}

import { ArchiveError } from '@vzdump-format/streams';
import { ITEM, isPxar, isPxarPayload, readU64 } from '../format.js';
import { type PxarHeader, unexpected } from './entry-reader.js';
import type { ItemReader } from './item-reader.js';

/**
 * Reads what an archive begins with, up to the root's ENTRY, which is the next item.
 * @throws `PXAR_MAGIC`, `PXAR_VERSION`, `PXAR_UNEXPECTED_ITEM`, …
 */
export async function readHeader(items: ItemReader): Promise<PxarHeader> {
  await requireMagic(items);
  await items.next();
  let version: PxarHeader['version'] = 1;
  let prelude: Uint8Array | undefined;
  if (items.type === ITEM.FORMAT_VERSION) {
    version = versionAt(items);
    await items.next();
    if (items.type === ITEM.PRELUDE) {
      const { input, contentAt, size } = items;
      prelude = new Uint8Array(input.bytes.subarray(contentAt, contentAt + size));
      await items.next();
    }
  }
  if (items.type !== ITEM.ENTRY && items.type !== ITEM.ENTRY_V1) throw unexpected(items, '');
  items.putBack();
  return { version, prelude };
}

async function requireMagic({ input }: ItemReader): Promise<void> {
  await input.need(8);
  const head = input.bytes.subarray(input.position, input.position + 8);
  if (isPxar(head)) return;
  throw new ArchiveError('PXAR_MAGIC', 'it does not begin as a pxar archive does', {
    offset: 0,
    hint: isPxarPayload(head)
      ? 'it is the payload stream of a split archive: name the .mpxar instead'
      : 'is it compressed, or another format?',
  });
}

function versionAt({ input, contentAt, start }: ItemReader): PxarHeader['version'] {
  const version = readU64(input.view, contentAt);
  if (version === 1 || version === 2) return version;
  throw new ArchiveError('PXAR_VERSION', `a version of the format that is not known: ${version}`, {
    offset: start,
  });
}

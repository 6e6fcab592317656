import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { QemuImageFormat } from '@vzdump-format/nbd';
import { SparseFileSource } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource } from '@vzdump-format/streams';

/** How a disk image is stored; all but `raw` are read through qemu-nbd. */
export type ImageFormat = QemuImageFormat;

export const imageFormats: readonly ImageFormat[] = ['raw', 'qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qed'];

const FORMAT_BY_EXTENSION: Readonly<Record<string, ImageFormat>> = {
  '.qcow2': 'qcow2',
  '.vmdk': 'vmdk',
  '.vdi': 'vdi',
  '.vhdx': 'vhdx',
  '.vpc': 'vpc',
  '.vhd': 'vpc',
  '.qed': 'qed',
};

/** What an image is by its file's extension; `raw` where that says nothing. */
export function imageFormatOf(path: string): ImageFormat {
  return FORMAT_BY_EXTENSION[extname(path).toLowerCase()] ?? 'raw';
}

export interface OpenDiskImageOptions {
  /** By the file's extension unless given, `raw` where that says nothing. */
  readonly format?: ImageFormat | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a disk image or block device as the content of the disk.
 *
 * The content never decides what format it is: a guest can write what it likes to its raw disk, also the
 * header of a qcow2 image that names a file of the host as its backing file.
 *
 * @throws the system's error; `IMAGE_FORMAT` for an image that is taken for raw but looks like another
 * format; `NBD_…`
 */
export async function openDiskImage(path: string, options: OpenDiskImageOptions = {}): Promise<ByteSource> {
  const format = options.format ?? imageFormatOf(path);
  if (format === 'raw') return openRawImage(path, options.format === 'raw');
  const { openQemuImage } = await loadNbd();
  const before = await stat(path, { bigint: true });
  const image = await openQemuImage(path, { format, signal: options.signal });
  const changed = async () => {
    const now = await stat(path, { bigint: true });
    return now.isFile() && (now.mtimeNs !== before.mtimeNs || now.size !== before.size);
  };
  return Object.assign(image, { changed });
}

/** Loaded when it is needed: most commands start without it. */
function loadNbd(): Promise<typeof import('@vzdump-format/nbd')> {
  return import('@vzdump-format/nbd');
}

async function openRawImage(path: string, certain: boolean): Promise<ByteSource> {
  const file = await SparseFileSource.open(path);
  try {
    if (!certain) await requireRaw(path, file);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function requireRaw(path: string, file: ByteSource): Promise<void> {
  const { detectImageFormat, IMAGE_HEAD_SIZE } = await loadNbd();
  const head = Buffer.alloc(IMAGE_HEAD_SIZE);
  const format = detectImageFormat(head.subarray(0, await file.read(head, 0)));
  if (format === undefined) return;
  throw new ArchiveError(
    'IMAGE_FORMAT',
    `${path} looks like a ${format} image, but its name does not say so`,
    {
      entry: path,
      hint: `say which it is: --drive format=${format}:NAME=PATH or --drive format=raw:NAME=PATH`,
    },
  );
}

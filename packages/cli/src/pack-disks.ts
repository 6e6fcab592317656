import { basename } from 'node:path';
import { packVm } from '@vzdump-format/archives';
import { type ImageFormat, imageFormats, openDiskImage } from '@vzdump-format/disk';
import type { CommandContext, OptionSpec } from './command.js';
import type { CodecChoice } from './options/codec-options.js';
import { nameAndPath, readGivenFile, wholeNumber } from './options/options.js';
import { UsageError } from './output/exit-status.js';
import { binaryOutput, writerFor } from './output/output.js';
import { formatBytes } from './output/units.js';

export const packDisksOptions: readonly OptionSpec[] = [
  {
    flags: '--drive <NAME=PATH>',
    description:
      'store a disk: a raw image or block device; qcow2, vmdk, vdi, vhdx by qemu-nbd. ' +
      'The extension says which; format=FORMAT:NAME=PATH says otherwise',
    repeatable: true,
    parse: parseDrive,
  },
  { flags: '--uuid <uuid>', description: 'the uuid of the archive; random unless given' },
  {
    flags: '--ctime <seconds>',
    description: 'its time, in seconds since the epoch; now unless given',
    parse: (text) => wholeNumber('--ctime', text, Number.MIN_SAFE_INTEGER),
  },
];

/** What `--drive` names. */
interface DriveImage {
  readonly name: string;
  readonly path: string;
  /** By the path's extension unless given. */
  readonly format?: ImageFormat;
}

export interface PackDisksOptions {
  readonly config?: readonly string[];
  readonly drive?: readonly DriveImage[];
  readonly uuid?: string;
  readonly ctime?: number;
}

/** Packs disks and configurations. @returns the bytes packed, and those written */
export async function packDisks(
  out: string,
  options: PackDisksOptions & { readonly force?: boolean },
  { codec, compress, bytesPerSecond }: CodecChoice & { readonly bytesPerSecond: number },
  context: CommandContext,
): Promise<{ bytes: number; archiveBytes: number }> {
  const { config: paths = [], drive: images = [], uuid, ctime, force: overwrite = false } = options;
  const { signal } = context;
  if (paths.length + images.length === 0) {
    throw new UsageError('there is nothing to pack', 'give --drive NAME=PATH, --config FILE or both');
  }
  const output = out === '-' ? binaryOutput('an archive', signal) : out;
  const configs = await Promise.all(
    paths.map(async (path) => ({ name: basename(path), data: await readGivenFile(path) })),
  );
  const drives = images.map(({ name, path, format }) => ({
    name,
    open: () => openDiskImage(path, { format, signal }),
  }));
  const result = await packVm({
    ...{ output, overwrite, codec, compress, configs, drives, uuid, ctime, bytesPerSecond },
    writeAt: writerFor(codec),
    onProgress: ({ bytes }, total) => context.onProgress(bytes, total),
    onWarning: context.onWarning,
    signal,
  });
  const { bytes, zeroBytes } = result;
  if (zeroBytes > 0) {
    const percent = Math.floor((zeroBytes / bytes) * 100);
    context.inform(`backup is sparse: ${formatBytes(zeroBytes)} (${percent}%) total zero data`);
  }
  return result;
}

/** `NAME=PATH`, or `format=FORMAT:NAME=PATH` as Proxmox's `vma create` has it. */
function parseDrive(text: string): DriveImage {
  const match = /^format=([^:]*):(.*)$/s.exec(text);
  if (match === null) return nameAndPath('--drive', text);
  const [, name = '', rest = ''] = match;
  if (!imageFormats.includes(name as ImageFormat)) {
    throw new UsageError(
      `--drive: no image format is named '${name}'`,
      `there are ${imageFormats.join(', ')}`,
    );
  }
  return { ...nameAndPath('--drive', rest), format: name as ImageFormat };
}

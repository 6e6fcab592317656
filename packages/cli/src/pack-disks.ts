import { type DriveSpec, packVm } from '@vzdump-format/archives';
import { type ImageFormat, imageFormats } from '@vzdump-format/disk';
import type { CommandContext, OptionSpec } from './command.js';
import type { CodecChoice } from './options/codec-options.js';
import { nameAndPath, wholeNumber } from './options/options.js';
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

export interface PackDisksOptions {
  readonly config?: readonly string[];
  readonly drive?: readonly DriveSpec[];
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
  const { config: configs = [], drive: drives = [], uuid, ctime, force: overwrite = false } = options;
  if (configs.length + drives.length === 0) {
    throw new UsageError('there is nothing to pack', 'give --drive NAME=PATH, --config FILE or both');
  }
  const output = out === '-' ? binaryOutput('an archive', context.signal) : out;
  const result = await packVm({
    ...{ output, overwrite, codec, compress, configs, drives, uuid, ctime, bytesPerSecond },
    writeAt: writerFor(codec),
    onProgress: ({ bytes }, total) => context.onProgress(bytes, total),
    onWarning: context.onWarning,
    signal: context.signal,
  });
  const { bytes, zeroBytes } = result;
  if (zeroBytes > 0) {
    const percent = Math.floor((zeroBytes / bytes) * 100);
    context.inform(`backup is sparse: ${formatBytes(zeroBytes)} (${percent}%) total zero data`);
  }
  return result;
}

/** `NAME=PATH`, or `format=FORMAT:NAME=PATH` as Proxmox's `vma create` has it. */
function parseDrive(text: string): DriveSpec {
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

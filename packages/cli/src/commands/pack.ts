import {
  type DriveSpec,
  format,
  formatForFileName,
  formats,
  type ImageFormat,
  imageFormats,
  packVm,
} from '@vzdump-format/vzdump';
import { type CodecOptions, chooseCodec, codecOptions } from '../codec-options.js';
import type { Command } from '../command.js';
import { UsageError } from '../exit-status.js';
import { type CommonOptions, forceOption, nameAndPath, wholeNumber } from '../options.js';
import { binaryOutput, writerFor } from '../output.js';
import { formatBytes, formatDuration } from '../units.js';

interface Options extends CommonOptions, CodecOptions {
  readonly config?: readonly string[];
  readonly drive?: readonly DriveSpec[];
  readonly uuid?: string;
  readonly ctime?: number;
  readonly format?: string;
  readonly bwlimit?: number;
  readonly force?: boolean;
}

const KIB = 1024;

export const pack: Command<Options> = {
  name: 'pack',
  summary: 'make an archive that Proxmox VE restores',
  arguments: [
    {
      name: '<out>',
      description: 'the archive; its name says which format and codec; - is standard output',
      values: 'file',
    },
  ],
  options: [
    {
      flags: '--config <file>',
      description: 'store a configuration file under its base name (qemu-server.conf)',
      repeatable: true,
    },
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
    {
      flags: '--format <format>',
      description: 'the format when OUT does not tell',
      choices: formats.map(({ name }) => name),
    },
    ...codecOptions,
    {
      flags: '--bwlimit <KiB/s>',
      description: 'read the drives no faster than this; 0 is unlimited',
      parse: (text) => wholeNumber('--bwlimit', text, 0),
    },
    forceOption,
  ],
  examples: [
    'vzdump-format pack vm.vma.zst --config qemu-server.conf --drive drive-scsi0=disk.raw',
    'vzdump-format pack - --format vma --compress zstd --drive drive-scsi0=disk.qcow2 | ssh host "cat > vm.vma.zst"',
  ],

  async run([out], options, context) {
    const { config: configs = [], drive: drives = [], uuid, ctime, force: overwrite = false } = options;
    if (configs.length + drives.length === 0) {
      throw new UsageError('there is nothing to pack', 'give --drive NAME=PATH, --config FILE or both');
    }
    requireFormat(out!, options.format);
    const { codec, compress } = chooseCodec(out!, options);
    const output = out === '-' ? binaryOutput('an archive', context.signal) : out!;
    const started = performance.now();
    const result = await packVm({
      ...{ output, overwrite, codec, compress, configs, drives, uuid, ctime },
      writeAt: writerFor(codec),
      bytesPerSecond: (options.bwlimit ?? 0) * KIB,
      onProgress: ({ bytes }, total) => context.onProgress(bytes, total),
      onWarning: context.onWarning,
      signal: context.signal,
    });
    const seconds = (performance.now() - started) / 1000;
    const { bytes, zeroBytes, archiveBytes } = result;
    if (zeroBytes > 0) {
      const percent = Math.floor((zeroBytes / bytes) * 100);
      context.inform(`backup is sparse: ${formatBytes(zeroBytes)} (${percent}%) total zero data`);
    }
    const rate = seconds < 1 ? '' : ` (${formatBytes(bytes / seconds)}/s)`;
    const duration = seconds < 1 ? '<1 seconds' : formatDuration(seconds);
    context.inform(`transferred ${formatBytes(bytes)} in ${duration}${rate}`);
    context.inform(`archive file size: ${formatBytes(archiveBytes)}`);
  },
};

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

/** Only VMA archives are made of drives; what else OUT could mean is refused. */
function requireFormat(out: string, name: string | undefined): void {
  if (name !== undefined) format(name);
  else if (out === '-')
    throw new UsageError('standard output has no name to tell the format', 'give --format vma');
  else if (formatForFileName(out) === undefined) {
    throw new UsageError(
      `the name '${out}' does not tell the format`,
      'name it .vma, .vma.gz, .vma.lzo or .vma.zst, or give --format',
    );
  }
}

import { type ArchiveFormat, formats } from '@vzdump-format/archives';
import { formatDuration } from '@vzdump-format/vzdump';
import type { Command } from '../command.js';
import { type CodecOptions, chooseCodec, codecOptions } from '../options/codec-options.js';
import { type OptionsByKind, requireFitting } from '../options/fitting-options.js';
import { type CommonOptions, forceOption, wholeNumber } from '../options/options.js';
import { failForUnknownName, formatOfOutput } from '../options/output-name.js';
import { UsageError } from '../output/exit-status.js';
import { formatBytes } from '../output/units.js';
import { type PackDirectoryOptions, packDirectory, packDirectoryOptions } from '../pack-directory.js';
import { type PackDisksOptions, packDisks, packDisksOptions } from '../pack-disks.js';

interface Options extends CommonOptions, CodecOptions, PackDisksOptions, PackDirectoryOptions {
  readonly format?: string;
  readonly bwlimit?: number;
  readonly force?: boolean;
}

const KIB = 1024;

const ONLY: OptionsByKind = {
  disks: ['drive', 'uuid', 'ctime'],
  tree: ['root', 'firewall', 'excludePath', 'exclude', 'idmap', 'stdexcludes', 'allFileSystems', 'payload'],
};

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
      description:
        'store a configuration file: for a VM under its base name (qemu-server.conf), for a container as ./etc/vzdump/pct.conf',
      repeatable: true,
    },
    ...packDisksOptions,
    ...packDirectoryOptions,
    {
      flags: '--format <format>',
      description: 'the format when OUT does not tell',
      choices: formats.map(({ name }) => name),
    },
    ...codecOptions,
    {
      flags: '--bwlimit <KiB/s>',
      description: 'read the drives, or pass the tree on, no faster than this; 0 is unlimited',
      parse: (text) => wholeNumber('--bwlimit', text, 0),
    },
    forceOption,
  ],
  examples: [
    'vzdump-format pack vm.vma.zst --config qemu-server.conf --drive drive-scsi0=disk.raw',
    'vzdump-format pack - --format vma --compress zstd --drive drive-scsi0=disk.qcow2 | ssh host "cat > vm.vma.zst"',
    'vzdump-format pack ct.tar.zst --root /srv/rootfs --config pct.conf --stdexcludes',
    "vzdump-format pack root.pxar --root /srv/rootfs --exclude '*.log' --exclude '!/var/log/keep.log'",
    'vzdump-format pack root.mpxar --root /srv/rootfs',
  ],

  async run([out], options, context) {
    const format = requireFormat(out!, options.format);
    requireFitting(format, options, ONLY);
    const choice = { ...chooseCodec(out!, options), bytesPerSecond: (options.bwlimit ?? 0) * KIB };
    const started = performance.now();
    const { bytes, archiveBytes } =
      format.kind === 'disks'
        ? await packDisks(out!, options, choice, context)
        : await packDirectory(out!, format, options, choice, context);
    const seconds = (performance.now() - started) / 1000;
    const rate = seconds < 1 ? '' : ` (${formatBytes(bytes / seconds)}/s)`;
    const duration = seconds < 1 ? '<1 seconds' : formatDuration(seconds);
    context.inform(`transferred ${formatBytes(bytes)} in ${duration}${rate}`);
    context.inform(`archive file size: ${formatBytes(archiveBytes)}`);
  },
};

function requireFormat(out: string, asked: string | undefined): ArchiveFormat {
  const format = formatOfOutput(out, asked);
  if (format !== undefined) return format;
  if (out !== '-') failForUnknownName(out);
  const names = formats.map(({ name }) => name).join(', ');
  throw new UsageError('standard output has no name to tell the format', `give --format: ${names}`);
}

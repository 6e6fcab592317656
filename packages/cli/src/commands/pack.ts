import { basename } from 'node:path';
import { type ArchiveFormat, formats, packTree, packVm, type TreeFormat } from '@vzdump-format/archives';
import { type ImageFormat, imageFormats, openDiskImage } from '@vzdump-format/disk';
import { DirectoryTree, LOST_AND_FOUND, STANDARD_EXCLUDES } from '@vzdump-format/file-tree';
import { formatDuration } from '@vzdump-format/vzdump';
import { type Command, type CommandContext, inGroup, type OptionSpec } from '../command.js';
import {
  type CommonOptions,
  forceOption,
  idMapOf,
  nameAndPath,
  OF_A_TREE,
  OF_A_VM,
  type OptionsByKind,
  readGivenFile,
  requireFitting,
  type TreeOptions,
  treeOptions,
  wholeNumber,
} from '../options/options.js';
import {
  type CodecChoice,
  type CodecOptions,
  chooseCodec,
  codecOptions,
  failForUnknownName,
  formatOfOutput,
} from '../options/output-options.js';
import { UsageError } from '../output/exit-status.js';
import { binaryOutput, writerFor } from '../output/output.js';
import { formatBytes } from '../output/progress.js';

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

const packDisksOptions: readonly OptionSpec[] = inGroup(OF_A_VM, [
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
]);

const packDirectoryOptions: readonly OptionSpec[] = inGroup(OF_A_TREE, [
  { flags: '--root <directory>', description: 'store a directory tree: the root file system of a container' },
  { flags: '--firewall <file>', description: 'store firewall rules, as ./etc/vzdump/pct.fw' },
  ...treeOptions,
  {
    flags: '--exclude <pattern>',
    description: 'the same as --exclude-path, as pxar create names it',
    repeatable: true,
  },
  {
    flags: '--all-file-systems',
    description: 'enter what is mounted below the directory, too, and not just note where',
  },
  {
    flags: '--payload <file>',
    description: 'where the contents of a split archive (x.mpxar) go; unless given, beside it (x.ppxar)',
  },
  {
    flags: '--stdexcludes',
    description: 'leave out what vzdump does: /tmp/?*, /var/tmp/?*, /var/run/?*.pid',
  },
]);

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
    {
      flags: '--format <format>',
      description: 'the format when OUT does not tell',
      choices: formats.map(({ name }) => name),
    },
    {
      flags: '--bwlimit <KiB/s>',
      description: 'read the drives, or pass the tree on, no faster than this; 0 is unlimited',
      parse: (text) => wholeNumber('--bwlimit', text, 0),
    },
    forceOption,
    ...packDisksOptions,
    ...packDirectoryOptions,
    ...codecOptions,
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

interface PackDirectoryOptions extends TreeOptions {
  readonly config?: readonly string[];
  readonly root?: string;
  readonly firewall?: string;
  readonly stdexcludes?: boolean;
  readonly exclude?: readonly string[];
  readonly allFileSystems?: boolean;
  readonly payload?: string;
}

/** Packs a directory tree. @returns the bytes packed, and those written */
async function packDirectory(
  out: string,
  format: TreeFormat,
  options: PackDirectoryOptions & { readonly force?: boolean },
  { codec, compress, bytesPerSecond }: CodecChoice & { readonly bytesPerSecond: number },
  context: CommandContext,
): Promise<{ bytes: number; archiveBytes: number }> {
  const { root, config: configs = [], firewall, payload, stdexcludes = false } = options;
  if (root === undefined)
    throw new UsageError(`there is nothing to pack into a ${format.name}`, 'give --root DIRECTORY');
  if (configs.length > 1) throw new UsageError('a container has one configuration: give --config once');
  const blob = async (path: string, file: string) => ({ path, data: await readGivenFile(file) });
  const first = await Promise.all([
    ...configs.map((path) => blob('etc/vzdump/pct.conf', path)),
    ...(firewall === undefined ? [] : [blob('etc/vzdump/pct.fw', firewall)]),
  ]);
  const idMap = idMapOf(options);
  const excludes = [
    ...givenExcludes(options),
    ...(stdexcludes ? STANDARD_EXCLUDES : []),
    ...(idMap === undefined ? [] : [LOST_AND_FOUND]),
  ];
  const output = out === '-' ? binaryOutput('an archive', context.signal) : out;
  return packTree({
    ...{ format, output, overwrite: options.force ?? false, codec, compress, first },
    tree: new DirectoryTree(root),
    ...{ payload, excludes },
    walk: { idMap, allFileSystems: options.allFileSystems ?? false },
    limit: bytesPerSecond,
    onProgress: context.onProgress,
    onWarning: context.onWarning,
    signal: context.signal,
  });
}

/** The order of patterns counts in a pxar, and that of two options is not known. */
function givenExcludes({ excludePath, exclude }: PackDirectoryOptions): readonly string[] {
  if (excludePath === undefined || exclude === undefined) return excludePath ?? exclude ?? [];
  throw new UsageError('--exclude and --exclude-path are the same: give one of them, as often as needed');
}

/** What `--drive` names. */
interface DriveImage {
  readonly name: string;
  readonly path: string;
  /** By the path's extension unless given. */
  readonly format?: ImageFormat;
}

interface PackDisksOptions {
  readonly config?: readonly string[];
  readonly drive?: readonly DriveImage[];
  readonly uuid?: string;
  readonly ctime?: number;
}

/** Packs disks and configurations. @returns the bytes packed, and those written */
async function packDisks(
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
    onProgress: context.onProgress,
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

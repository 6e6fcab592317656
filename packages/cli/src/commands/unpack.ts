import { type DiskFormat, type OpenArchive, type TreeFormat, unpackTree } from '@vzdump-format/archives';
import { type RestoreTreeResult, readAccounts } from '@vzdump-format/file-tree';
import { areLittleOf, withArchive } from '../archive-input.js';
import { type Command, type CommandContext, inGroup } from '../command.js';
import {
  type ArchiveInputOptions,
  archiveInputOptions,
  type CommonOptions,
  forceOption,
  type IndexInputOptions,
  idMapOf,
  indexInputOptions,
  nameAndPath,
  OF_A_TREE,
  OF_A_VM,
  type OptionsByKind,
  requireFitting,
  type TreeOptions,
  treeOptions,
} from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { writerFor } from '../output/output.js';

interface Options extends CommonOptions, ArchiveInputOptions, IndexInputOptions, TreeOptions {
  readonly to?: string;
  readonly drive?: readonly { readonly name: string; readonly path: string }[];
  readonly skip?: readonly string[];
  readonly skipOldFiles?: boolean;
  readonly includeDev?: boolean;
  readonly ignoreOwner?: boolean;
  readonly force?: boolean;
}

/** What `pct restore` leaves out: a container gets its devices when it starts. */
const DEVICES = '/dev/*';

const ONLY: OptionsByKind = {
  disks: ['drive', 'skip'],
  tree: ['excludePath', 'idmap', 'skipOldFiles', 'includeDev', 'ignoreOwner'],
};

export const unpack: Command<Options> = {
  name: 'unpack',
  summary:
    'take an archive apart: drives as sparse disk-NAME.raw, or a directory tree with all that files have',
  arguments: [
    { name: '<archive>', description: 'the archive; - is standard input', values: 'file' },
    {
      name: '[pattern...]',
      description:
        'of a tree, only what matches, and what lies below: etc/hosts, var/log, home/*.txt; * matches slashes',
      values: 'member',
    },
  ],
  options: [
    { flags: '--to <directory>', description: 'where to; is made when it is not there' },
    forceOption,
    ...inGroup(OF_A_VM, [
      {
        flags: '--drive <NAME=PATH>',
        description:
          'write a drive (by name or number) to a file (raw, or .qcow2) or block device of your choice',
        repeatable: true,
        parse: (text) => nameAndPath('--drive', text),
      },
      { flags: '--skip <drive>', description: 'leave a drive out', repeatable: true },
    ]),
    ...treeOptions,
    ...inGroup(OF_A_TREE, [
      { flags: '--skip-old-files', description: 'leave files that exist as they are, as pct restore does' },
      { flags: '--include-dev', description: 'restore what is in ./dev, too, which pct restore leaves out' },
      {
        flags: '--ignore-owner',
        description: 'let everything belong to who runs this, and say nothing of it',
      },
    ]),
    ...indexInputOptions,
    ...archiveInputOptions,
  ],
  examples: [
    'vzdump-format unpack backup.vma.zst --to restored',
    'vzdump-format unpack backup.vma.zst --to restored --drive drive-scsi0=/dev/vg0/disk --skip drive-scsi1',
    'vzdump-format unpack backup.tar.zst etc/network var/lib/mysql --to restored',
  ],

  async run([path, ...patterns], options, context) {
    const { to: directory, skip = [] } = options;
    if (directory === undefined) throw new UsageError('unpack needs --to DIRECTORY');
    const unpackTo = async ({ format, ...archive }: OpenArchive) => {
      requireFitting(format, options, ONLY);
      await (format.kind === 'disks'
        ? unpackDisks(format, archive, directory, patterns, options, context)
        : unpackDirectory(format, archive, directory, patterns, options, context));
    };
    const isSkipped = (id: number, name: string) => skip.includes(name) || skip.includes(String(id));
    await withArchive(path!, options, context, unpackTo, {
      parts: patterns.length > 0 || skip.length > 0,
      wantsLittle: (archive) => areLittleOf(archive, ({ id, name }) => !isSkipped(id, name)),
    });
    context.inform(`unpacked to ${directory}`);
  },
};

type Opened = Omit<OpenArchive, 'format'>;

async function unpackDisks(
  format: DiskFormat,
  { codec, ...archive }: Opened,
  directory: string,
  patterns: readonly string[],
  options: Options,
  context: CommandContext,
): Promise<void> {
  if (patterns.length > 0) {
    throw new UsageError(
      `a ${format.name} holds drives, not files: '${patterns[0]}' cannot be chosen`,
      'see --drive and --skip',
    );
  }
  const { skip = [], force: overwrite = false } = options;
  const drives = new Map((options.drive ?? []).map(({ name, path: target }) => [name, target]));
  await format.unpack(archive, { ...context, directory, drives, skip, overwrite, writeAt: writerFor(codec) });
}

async function unpackDirectory(
  format: TreeFormat,
  archive: Opened,
  directory: string,
  patterns: readonly string[],
  options: Options,
  context: CommandContext,
): Promise<void> {
  const {
    excludePath = [],
    force = false,
    skipOldFiles = false,
    includeDev = false,
    ignoreOwner = false,
  } = options;
  if (force && skipOldFiles) throw new UsageError('--force and --skip-old-files exclude each other');
  const result = await unpackTree(format, archive, {
    ...context,
    ...{ directory, patterns, excludes: includeDev ? excludePath : [...excludePath, DEVICES] },
    existing: force ? 'replace' : skipOldFiles ? 'skip' : 'refuse',
    idMap: idMapOf(options),
    accounts: readAccounts(),
    ...(ignoreOwner && { owner: false }),
  });
  report(result, context);
}

function report({ restored, skipped }: RestoreTreeResult, context: CommandContext): void {
  context.inform(`restored ${restored} entries${skipped > 0 ? `, left out ${skipped}` : ''}`);
}

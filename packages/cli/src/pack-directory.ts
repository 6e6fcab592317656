import { packTree, type TreeFormat } from '@vzdump-format/archives';
import { LOST_AND_FOUND, STANDARD_EXCLUDES } from '@vzdump-format/file-tree';
import type { CommandContext, OptionSpec } from './command.js';
import type { CodecChoice } from './options/codec-options.js';
import { readGivenFile } from './options/options.js';
import { idMapOf, type TreeOptions, treeOptions } from './options/tree-options.js';
import { UsageError } from './output/exit-status.js';
import { binaryOutput } from './output/output.js';

export const packDirectoryOptions: readonly OptionSpec[] = [
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
];

export interface PackDirectoryOptions extends TreeOptions {
  readonly config?: readonly string[];
  readonly root?: string;
  readonly firewall?: string;
  readonly stdexcludes?: boolean;
  readonly exclude?: readonly string[];
  readonly allFileSystems?: boolean;
  readonly payload?: string;
}

/** Packs a directory tree. @returns the bytes packed, and those written */
export async function packDirectory(
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
    ...{ format, output, overwrite: options.force ?? false, codec, compress, root, first },
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

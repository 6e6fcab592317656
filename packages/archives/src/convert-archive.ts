import { ArchiveError, Boundaries, Meter, metered, observed } from '@vzdump-format/streams';
import type { ArchiveFormat, TreeFormat } from './archive-format.js';
import type { ConvertArchiveOptions, ConvertArchiveResult } from './convert-tree.js';
import { convertTree } from './convert-tree.js';
import { formatForFileName } from './formats.js';
import type { OpenArchive } from './open-archive.js';
import { writeOutput } from './output-file.js';
import { splitPayloadPath } from './split-output.js';

/**
 * Writes an archive anew with another codec, or a directory tree in another format, as a stream. It is
 * verified on the way: a bad one does not get a name. With the same format it stays the same, byte for byte.
 * @throws what is wrong with the archive, or cannot be held by the other format; `CONVERT_FORMAT` for what is
 * no tree
 */
export async function convertArchive(
  archive: OpenArchive,
  options: ConvertArchiveOptions,
): Promise<ConvertArchiveResult> {
  const { output } = options;
  const named = typeof output === 'string' ? formatForFileName(output) : undefined;
  const target = options.format ?? named ?? archive.format;
  const tree = treesOf(archive, target);
  if (tree === undefined) return recompress(archive, options);
  const payload = splitPayloadPath(tree.to, output, undefined);
  const isSame = tree.to === tree.from && payload === undefined && archive.payload === undefined;
  return isSame ? recompress(archive, options) : convertTree(archive, tree, payload, options);
}

/** Both formats, if they are of trees. @throws `CONVERT_FORMAT` unless they are, or the same */
function treesOf(
  { format: from }: OpenArchive,
  to: ArchiveFormat,
): { readonly from: TreeFormat; readonly to: TreeFormat } | undefined {
  if (from.kind === 'tree' && to.kind === 'tree') return { from, to };
  if (from === to) return undefined;
  throw new ArchiveError('CONVERT_FORMAT', `a ${from.name} archive cannot become ${to.name}`, {
    hint: 'a directory tree can be a tar or a pxar; the drives of a VM can be a vma',
  });
}

async function recompress(
  archive: OpenArchive,
  options: ConvertArchiveOptions,
): Promise<ConvertArchiveResult> {
  const { output, codec, signal } = options;
  const meter = new Meter();
  const boundaries = new Boundaries();
  const onBoundary = (offset: number) => {
    // One whose header was cut in two by the chunks is known too late, and is left out.
    if (offset >= meter.progress.bytes) boundaries.add(offset);
  };
  const verified = observed((bytes) =>
    archive.format.verify({ bytes, source: undefined }, { ...options, onBoundary }),
  );
  const compress = codec.compress({ ...options.compress, boundaries, signal });
  const bytes = compress(metered(meter)(verified(archive.bytes)));
  const archiveBytes = await writeOutput(bytes, output, options);
  return { bytes: meter.progress.bytes, archiveBytes };
}

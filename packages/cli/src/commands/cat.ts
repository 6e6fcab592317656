import { catFile, type OpenArchive, openTree } from '@vzdump-format/archives';
import { writeToStream } from '@vzdump-format/streams';
import { areLittleOf, withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import {
  type ArchiveInputOptions,
  archiveInputOptions,
  type CommonOptions,
  type IndexInputOptions,
  indexInputOptions,
} from '../options/options.js';
import { binaryOutput } from '../output/output.js';

export const cat: Command<CommonOptions & ArchiveInputOptions & IndexInputOptions> = {
  name: 'cat',
  summary: 'write one drive or file to standard output',
  arguments: [
    { name: '<archive>', description: 'the archive; - is standard input', values: 'file' },
    {
      name: '<name>',
      description: 'the drive, as list shows it, or its number; or the file',
      values: 'member',
    },
  ],
  options: [...indexInputOptions, ...archiveInputOptions],
  examples: [
    'vzdump-format cat backup.vma.zst drive-scsi0 > disk.raw',
    'vzdump-format cat backup.tar.zst etc/fstab | less',
  ],

  async run([path, name], options, context) {
    const output = binaryOutput('what is in an archive', context.signal);
    const write = async ({ format, ...archive }: OpenArchive) => {
      const bytes =
        format.kind === 'disks'
          ? format.cat(archive, name!, context)
          : catFile(openTree(format, archive, context), name!, context.signal);
      await writeToStream(bytes, output);
    };
    await withArchive(path!, options, context, write, {
      parts: true,
      wantsLittle: (archive) =>
        areLittleOf(archive, ({ id, name: of }) => name === of || name === String(id)),
    });
  },
};

import { writeToStream } from '@vzdump-format/streams';
import { withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import { type CommonOptions, type LongWindowOption, longWindowOption } from '../options.js';
import { binaryOutput } from '../output.js';

export const cat: Command<CommonOptions & LongWindowOption> = {
  name: 'cat',
  summary: 'write one drive to standard output, as a raw image',
  arguments: [
    { name: '<archive>', description: 'the archive; - is standard input', values: 'file' },
    { name: '<name>', description: 'the drive, as list shows it, or its number' },
  ],
  options: [longWindowOption],
  examples: ['vzdump-format cat backup.vma.zst drive-scsi0 > disk.raw'],

  async run([path, name], options, context) {
    const output = binaryOutput('a drive', context.signal);
    await withArchive(path!, options, context, async ({ format, ...archive }) => {
      await writeToStream(format.cat(archive, name!, context), output);
    });
  },
};

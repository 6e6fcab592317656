import { convertArchive } from '@vzdump-format/vzdump';
import { withArchive } from '../archive-input.js';
import { type CodecOptions, chooseCodec, codecOptions } from '../codec-options.js';
import type { Command } from '../command.js';
import { type CommonOptions, forceOption, type LongWindowOption, longWindowOption } from '../options.js';
import { binaryOutput } from '../output.js';
import { formatBytes } from '../units.js';

interface Options extends CommonOptions, CodecOptions, LongWindowOption {
  readonly force?: boolean;
}

export const convert: Command<Options> = {
  name: 'convert',
  summary: 'write an archive anew with another codec, verifying it on the way',
  arguments: [
    { name: '<in>', description: 'the archive; - is standard input', values: 'file' },
    {
      name: '<out>',
      description: 'the new one; its name says which codec; - is standard output',
      values: 'file',
    },
  ],
  options: [...codecOptions, forceOption, longWindowOption],
  examples: [
    'vzdump-format convert old.vma.lzo new.vma.zst --threads 0',
    'vzdump-format convert backup.vma.zst - --compress 0 | qmrestore - 101',
  ],

  async run([input, out], options, context) {
    const choice = chooseCodec(out!, options);
    const output = out === '-' ? binaryOutput('an archive', context.signal) : out!;
    const { bytes, archiveBytes } = await withArchive(input!, options, context, (archive) =>
      convertArchive(archive, { ...context, ...choice, output, overwrite: options.force ?? false }),
    );
    context.endProgress();
    context.inform(`verified ${formatBytes(bytes)}, wrote ${formatBytes(archiveBytes)}`);
  },
};

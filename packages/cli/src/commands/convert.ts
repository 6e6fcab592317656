import { convertArchive, formats } from '@vzdump-format/archives';
import { withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import {
  type ArchiveInputOptions,
  archiveInputOptions,
  type CommonOptions,
  forceOption,
} from '../options/options.js';
import { type CodecOptions, chooseCodec, codecOptions, formatOfOutput } from '../options/output-options.js';
import { binaryOutput } from '../output/output.js';
import { formatBytes } from '../output/progress.js';

interface Options extends CommonOptions, CodecOptions, ArchiveInputOptions {
  readonly format?: string;
  readonly force?: boolean;
}

export const convert: Command<Options> = {
  name: 'convert',
  summary: 'write an archive anew with another codec, or a tar as a pxar and back, verifying it on the way',
  arguments: [
    { name: '<in>', description: 'the archive; - is standard input', values: 'file' },
    {
      name: '<out>',
      description:
        'the new one; its name says which format and codec (x.mpxar gets its contents in x.ppxar), or, without an extension, neither; - is standard output',
      values: 'file',
    },
  ],
  options: [
    {
      flags: '--format <format>',
      description: 'the format when OUT does not tell; unless given, the same',
      choices: formats.map(({ name }) => name),
    },
    ...codecOptions,
    forceOption,
    ...archiveInputOptions,
  ],
  examples: [
    'vzdump-format convert old.vma.lzo new.vma.zst --threads 0',
    'vzdump-format convert backup.vma.zst - --compress 0 | qmrestore - 101',
    'vzdump-format convert backup.tar.zst root.pxar',
    'vzdump-format convert root.mpxar backup.tar.zst',
  ],

  async run([input, out], options, context) {
    const format = formatOfOutput(out!, options.format);
    const choice = chooseCodec(out!, options);
    const output = out === '-' ? binaryOutput('an archive', context.signal) : out!;
    const { bytes, archiveBytes } = await withArchive(input!, options, context, (archive) =>
      convertArchive(archive, { ...context, ...choice, format, output, overwrite: options.force ?? false }),
    );
    context.endProgress();
    context.inform(`verified ${formatBytes(bytes)}, wrote ${formatBytes(archiveBytes)}`);
  },
};

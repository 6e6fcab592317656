import { convertArchive, formats, indexArchive } from '@vzdump-format/archives';
import { withArchive } from '../archive-input.js';
import type { Command, CommandContext } from '../command.js';
import {
  type ArchiveInputOptions,
  archiveInputOptions,
  type CommonOptions,
  forceOption,
  type IndexInputOptions,
  indexInputOptions,
} from '../options/options.js';
import { type CodecOptions, chooseCodec, codecOptions, formatOfOutput } from '../options/output-options.js';
import { UsageError } from '../output/exit-status.js';
import { describeError } from '../output/messages.js';
import { binaryOutput } from '../output/output.js';
import { formatBytes } from '../output/progress.js';
import { indexInWords } from './index-command.js';

interface Options extends CommonOptions, CodecOptions, ArchiveInputOptions, IndexInputOptions {
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
    forceOption,
    {
      flags: '--index',
      description: 'make an index of the new one, too, where it needs one to be read at any offset: gzip',
    },
    ...codecOptions,
    ...indexInputOptions,
    ...archiveInputOptions,
  ],
  examples: [
    'vzdump-format convert old.vma.lzo new.vma.zst --threads 0',
    'vzdump-format convert backup.vma.zst - --compress 0 | qmrestore - 101',
    'vzdump-format convert backup.tar.zst root.pxar',
    'vzdump-format convert root.mpxar backup.tar.zst',
  ],

  async run([input, out], options, context) {
    if (out === '-' && options.index) throw new UsageError('--index is of a file: name OUT');
    const format = formatOfOutput(out!, options.format);
    const choice = chooseCodec(out!, options);
    const output = out === '-' ? binaryOutput('an archive', context.signal) : out!;
    const { bytes, archiveBytes } = await withArchive(input!, options, context, (archive) =>
      convertArchive(archive, { ...context, ...choice, format, output, overwrite: options.force ?? false }),
    );
    context.endProgress();
    context.inform(`verified ${formatBytes(bytes)}, wrote ${formatBytes(archiveBytes)}`);
    if (options.index) await indexOutput(out!, options, context);
  },
};

/** In a second pass. The archive is there by now, so that one without an index is a warning. */
async function indexOutput(
  path: string,
  { indexDir: indexDirectory }: Options,
  context: CommandContext,
): Promise<void> {
  context.beginProgress({ text: 'index', document: {} });
  try {
    context.inform(indexInWords(await indexArchive(path, { ...context, indexDirectory }), path));
  } catch (error) {
    context.signal.throwIfAborted();
    const { message } = describeError(error);
    context.onWarning({ code: 'INDEX_NOT_MADE', message: `no index is made: ${message}`, entry: path });
  } finally {
    context.endProgress({ leavesLine: false });
  }
}

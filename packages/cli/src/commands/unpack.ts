import { withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import { UsageError } from '../exit-status.js';
import {
  type CommonOptions,
  forceOption,
  type LongWindowOption,
  longWindowOption,
  nameAndPath,
} from '../options.js';
import { writerFor } from '../output.js';

interface Options extends CommonOptions, LongWindowOption {
  readonly to?: string;
  readonly drive?: readonly { readonly name: string; readonly path: string }[];
  readonly skip?: readonly string[];
  readonly force?: boolean;
}

export const unpack: Command<Options> = {
  name: 'unpack',
  summary: 'take an archive apart: configs under their names, drives as sparse disk-NAME.raw',
  arguments: [{ name: '<archive>', description: 'the archive; - is standard input', values: 'file' }],
  options: [
    { flags: '--to <directory>', description: 'where to; is made when it is not there' },
    {
      flags: '--drive <NAME=PATH>',
      description: 'write a drive (by name or number) to a file or block device of your choice',
      repeatable: true,
      parse: (text) => nameAndPath('--drive', text),
    },
    { flags: '--skip <name>', description: 'leave a drive out', repeatable: true },
    forceOption,
    longWindowOption,
  ],
  examples: [
    'vzdump-format unpack backup.vma.zst --to restored',
    'vzdump-format unpack backup.vma.zst --to restored --drive drive-scsi0=/dev/vg0/disk --skip drive-scsi1',
  ],

  async run([path], options, context) {
    const { to: directory, skip = [], force: overwrite = false } = options;
    if (directory === undefined) throw new UsageError('unpack needs --to DIRECTORY');
    const drives = new Map((options.drive ?? []).map(({ name, path: target }) => [name, target]));
    await withArchive(path!, options, context, ({ format, codec, ...archive }) =>
      format.unpack(archive, { ...context, directory, drives, skip, overwrite, writeAt: writerFor(codec) }),
    );
    context.endProgress();
    context.inform(`unpacked to ${directory}`);
  },
};

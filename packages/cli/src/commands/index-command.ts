import { indexArchive } from '@vzdump-format/vzdump';
import { sayWhere } from '../archive-input.js';
import type { Command } from '../command.js';
import { UsageError } from '../exit-status.js';
import { type CommonOptions, forceOption, type LongWindowOption, longWindowOption } from '../options.js';
import { formatBytes } from '../units.js';

interface Options extends CommonOptions, LongWindowOption {
  readonly force?: boolean;
}

export const index: Command<Options> = {
  name: 'index',
  summary: 'make an index beside a compressed archive, so that it can be read at any offset',
  arguments: [{ name: '<archive>', description: 'the archive, a file', values: 'file' }],
  options: [forceOption, longWindowOption],
  examples: ['vzdump-format index backup.vma.gz'],

  async run([path], options, { onWarning, signal, inform }) {
    const { force: overwrite = false, long: maxWindowLog } = options;
    if (path === '-') throw new UsageError('an index is of a file, and kept beside it: name the file');
    const indexing = indexArchive(path!, { overwrite, maxWindowLog, onWarning, signal });
    const made = await indexing.catch((error: unknown) => {
      throw sayWhere(error, path!);
    });
    if (made === undefined) inform(`${path} needs no index: it can be read at any offset as it is`);
    else inform(`${made.path}: ${formatBytes(made.size)}`);
  },
};

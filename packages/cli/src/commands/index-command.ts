import { indexArchive } from '@vzdump-format/archives';
import { sayWhere } from '../archive-input.js';
import type { Command } from '../command.js';
import {
  type CommonOptions,
  forceOption,
  type LongWindowOption,
  longWindowOption,
} from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { formatBytes } from '../output/progress.js';

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

import { type OpenArchive, openTree, treeConfig } from '@vzdump-format/archives';
import { withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import { type ArchiveInputOptions, archiveInputOptions, type CommonOptions } from '../options/options.js';
import { printStored } from '../output/output.js';

interface Options extends CommonOptions, ArchiveInputOptions {
  readonly name?: string;
}

export const config: Command<Options> = {
  name: 'config',
  summary: "print the guest's configuration",
  arguments: [{ name: '<archive>', description: 'the archive; - is standard input', values: 'file' }],
  options: [
    {
      flags: '--name <name>',
      description: 'another blob than qemu-server.conf, as list shows it; of a container, pct.fw',
    },
    ...archiveInputOptions,
  ],
  examples: [
    'vzdump-format config backup.vma.zst',
    'vzdump-format config backup.vma.zst --name qemu-server.fw',
  ],

  async run([path], options, context) {
    const read = ({ format, ...archive }: OpenArchive) =>
      format.kind === 'disks'
        ? format.config(archive, options.name, context)
        : treeConfig(openTree(format, archive, context), options.name);
    // It stands at the beginning.
    const data = await withArchive(path!, options, context, read, { useIndex: false });
    await printStored(data);
  },
};

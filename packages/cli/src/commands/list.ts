import { printableName } from '@vzdump-format/file-tree';
import type { Listing } from '@vzdump-format/vzdump';
import { withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import { type CommonOptions, type LongWindowOption, longWindowOption } from '../options.js';
import { print, printJson } from '../output.js';

export const list: Command<CommonOptions & LongWindowOption> = {
  name: 'list',
  summary: 'show what is in an archive',
  arguments: [{ name: '<archive>', description: 'the archive; - is standard input', values: 'file' }],
  options: [longWindowOption],
  examples: ['vzdump-format list vzdump-qemu-100-2026_11_20-02_00_00.vma.zst'],

  async run([path], options, context) {
    await withArchive(path!, options, context, async ({ format, codec, ...archive }) => {
      const listing = await format.list(archive, context);
      const { format: formatName, ...rest } = listing;
      if (options.json) await printJson({ format: formatName, codec: codec.name, ...rest });
      else await print(`${listingLines(listing, codec.name).join('\n')}\n`);
    });
  },
};

function listingLines(listing: Listing, codec: string): string[] {
  const ctime = typeof listing.ctime === 'number' ? dateOf(listing.ctime) : listing.ctime;
  return [
    `format: ${listing.format}, codec: ${codec}`,
    `uuid: ${listing.uuid}`,
    `created: ${ctime}`,
    ...listing.configs.map(({ name, size }) => `config: ${printableName(name)}, ${size} bytes`),
    ...listing.devices.map(({ id, name, size }) => `drive ${id}: ${printableName(name)}, ${size} bytes`),
  ];
}

function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s after the epoch` : date.toISOString();
}

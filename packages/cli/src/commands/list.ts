import type { FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/file-tree';
import { writeToStream } from '@vzdump-format/streams';
import type { TreeFormat, VmaListing } from '@vzdump-format/vzdump';
import { withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import { type ArchiveInputOptions, archiveInputOptions, type CommonOptions } from '../options.js';
import { print, printJson } from '../output.js';
import { entryAsJson } from '../tree-listing.js';

export const list: Command<CommonOptions & ArchiveInputOptions> = {
  name: 'list',
  summary: 'show what is in an archive',
  arguments: [{ name: '<archive>', description: 'the archive; - is standard input', values: 'file' }],
  options: archiveInputOptions,
  examples: [
    'vzdump-format list vzdump-qemu-100-2026_11_20-02_00_00.vma.zst',
    'vzdump-format list vzdump-lxc-101-2026_11_20-02_00_00.tar.zst --json',
    'vzdump-format list root.mpxar',
  ],

  async run([path], options, context) {
    await withArchive(path!, options, context, async ({ format, codec, ...archive }) => {
      if (format.kind === 'tree') {
        const entries = format.entries(archive, { ...context, metadataOnly: true });
        const text = options.json
          ? inChunks(jsonLines(format, codec.name, entries), false)
          : inChunks(textLines(format, entries), true);
        await writeToStream(text, process.stdout);
        return;
      }
      const listing = await format.list(archive, context);
      const { format: formatName, ...rest } = listing;
      if (options.json) await printJson({ format: formatName, codec: codec.name, ...rest });
      else await print(`${listingLines(listing, codec.name).join('\n')}\n`);
    });
  },
};

function listingLines(listing: VmaListing, codec: string): string[] {
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

async function* textLines(format: TreeFormat, entries: AsyncIterable<FileEntry>): AsyncGenerator<string> {
  const lineOf = format.listing();
  for await (const entry of entries) yield `${lineOf(entry)}\n`;
}

/** One document, however many entries there are. */
async function* jsonLines(
  format: TreeFormat,
  codec: string,
  entries: AsyncIterable<FileEntry>,
): AsyncGenerator<string> {
  yield `{\n  "format": ${JSON.stringify(format.name)},\n  "codec": ${JSON.stringify(codec)},\n  "entries": [`;
  let separator = '\n';
  for await (const entry of entries) {
    yield `${separator}    ${JSON.stringify(entryAsJson(entry, format.nameOf(entry)))}`;
    separator = ',\n';
  }
  yield '\n  ]\n}\n';
}

const CHUNK_LENGTH = 64 * 1024;

/** @param whenBroken whether what came before a failure is passed on: lines are worth it, half a document is not */
async function* inChunks(lines: AsyncIterable<string>, whenBroken: boolean): AsyncGenerator<Uint8Array> {
  let text = '';
  try {
    for await (const line of lines) {
      text += line;
      if (text.length < CHUNK_LENGTH) continue;
      yield Buffer.from(text);
      text = '';
    }
  } catch (error) {
    if (whenBroken && text !== '') yield Buffer.from(text);
    throw error;
  }
  if (text !== '') yield Buffer.from(text);
}

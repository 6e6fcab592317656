import type { FileEntry } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/file-tree';
import { Sequence, writeToStream } from '@vzdump-format/streams';
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
        const listing = options.json ? asJson(format, codec.name) : asText(format);
        await writeToStream(inChunks(entries, listing), process.stdout);
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

/** How the entries of a tree are shown: each by itself, in the archive's order. */
interface TreeListing {
  readonly start: string;
  readonly show: (entry: FileEntry) => string;
  readonly end: string;
  /** Whether what came before a failure is shown: lines are worth it, half a document is not. */
  readonly isUsefulInPart: boolean;
}

function asText(format: TreeFormat): TreeListing {
  const lineOf = format.listing();
  return { start: '', show: (entry) => `${lineOf(entry)}\n`, end: '', isUsefulInPart: true };
}

/** One document, however many entries there are. */
function asJson(format: TreeFormat, codec: string): TreeListing {
  let separator = '\n';
  return {
    start: `{\n  "format": ${JSON.stringify(format.name)},\n  "codec": ${JSON.stringify(codec)},\n  "entries": [`,
    show(entry) {
      const line = `${separator}    ${JSON.stringify(entryAsJson(entry, format.nameOf(entry)))}`;
      separator = ',\n';
      return line;
    },
    end: '\n  ]\n}\n',
    isUsefulInPart: false,
  };
}

async function* inChunks(
  entries: AsyncIterable<FileEntry>,
  { start, show, end, isUsefulInPart }: TreeListing,
): AsyncGenerator<Uint8Array> {
  const sequence = Sequence.of(entries);
  const text = new TextChunk();
  text.append(start);
  try {
    for (;;) {
      const pulled = sequence.pull();
      const entry = pulled instanceof Promise ? await pulled : pulled;
      if (entry === undefined) break;
      const shown = show(entry);
      if (!text.hasRoomFor(shown)) yield text.take();
      text.append(shown);
    }
  } catch (error) {
    if (isUsefulInPart && text.length > 0) yield text.take();
    throw error;
  } finally {
    await sequence.close();
  }
  text.append(end);
  if (text.length > 0) yield text.take();
}

const CHUNK_SIZE = 64 * 1024;
/** UTF-8 of a UTF-16 unit. */
const MAX_UNIT_SIZE = 3;

/** Text as it is written: kept as bytes, since long strings put together from thousands cost the collector more than the work. */
class TextChunk {
  length = 0;
  private bytes = Buffer.allocUnsafe(CHUNK_SIZE);

  hasRoomFor(text: string): boolean {
    return this.length === 0 || this.mostWith(text) <= this.bytes.length;
  }

  append(text: string): void {
    const size = this.mostWith(text);
    if (size > this.bytes.length) {
      const larger = Buffer.allocUnsafe(size);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.length += this.bytes.write(text, this.length);
  }

  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = Buffer.allocUnsafe(CHUNK_SIZE);
    this.length = 0;
    return taken;
  }

  private mostWith(text: string): number {
    return this.length + text.length * MAX_UNIT_SIZE;
  }
}

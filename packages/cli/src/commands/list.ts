import {
  formatForFileName,
  type OpenArchive,
  openTree,
  type TreeFormat,
  type VmaListing,
} from '@vzdump-format/archives';
import { type Acl, type FileEntry, formatAclText } from '@vzdump-format/file-tree';
import { printableName } from '@vzdump-format/posix';
import { PullIterator, writeToStream } from '@vzdump-format/streams';
import { withArchive } from '../archive-input.js';
import type { Command } from '../command.js';
import {
  type ArchiveInputOptions,
  archiveInputOptions,
  type CommonOptions,
  type IndexInputOptions,
  indexInputOptions,
  type OptionsByKind,
  requireFitting,
} from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { printJson, printLines, toJson } from '../output/output.js';

interface Options extends CommonOptions, ArchiveInputOptions, IndexInputOptions {
  readonly numericOwner?: boolean;
  readonly ownerNames?: boolean;
}

const ONLY: OptionsByKind = { disks: [], tree: ['numericOwner', 'ownerNames'] };

export const list: Command<Options> = {
  name: 'list',
  summary: 'show what is in an archive',
  arguments: [{ name: '<archive>', description: 'the archive; - is standard input', values: 'file' }],
  options: [
    {
      flags: '--numeric-owner',
      description: 'of a tree, tell owners by their ids, also where the archive has names; so it is unless:',
    },
    {
      flags: '--owner-names',
      description: 'of a tree, tell owners by their names, where the archive has them',
    },
    ...indexInputOptions,
    ...archiveInputOptions,
  ],
  examples: [
    'vzdump-format list vzdump-qemu-100-2026_11_20-02_00_00.vma.zst',
    'vzdump-format list vzdump-lxc-101-2026_11_20-02_00_00.tar.zst --json',
    'vzdump-format list root.mpxar',
  ],

  async run([path], options, context) {
    const { numericOwner, ownerNames = false } = options;
    if (numericOwner && ownerNames) {
      throw new UsageError('--numeric-owner and --owner-names exclude each other');
    }
    const show = async ({ format, codec, ...archive }: OpenArchive) => {
      requireFitting(format, options, ONLY);
      if (format.kind === 'tree') {
        const entries = openTree(format, archive, { ...context, metadataOnly: true }).entries();
        const listing = options.json ? asJson(format, codec.name) : asText(format, ownerNames);
        await writeToStream(inChunks(entries, listing), process.stdout);
        return;
      }
      const listing = await format.list(archive, context);
      const { format: formatName, ...rest } = listing;
      if (options.json) await printJson({ format: formatName, codec: codec.name, ...rest });
      else await printLines(listingLines(listing, codec.name));
    };
    // The listing of a VMA stands at its very beginning, so there is nothing to seek.
    const isTree = formatForFileName(path!)?.kind === 'tree';
    await withArchive(path!, options, context, show, isTree ? { parts: true } : { useIndex: false });
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
  /** Whether what came before a failure is shown: lines are of use, half a document is not. */
  readonly isUsefulInPart: boolean;
}

function asText(format: TreeFormat, ownerNames: boolean): TreeListing {
  const lineOf = format.listing(!ownerNames);
  return { start: '', show: (entry) => `${lineOf(entry)}\n`, end: '', isUsefulInPart: true };
}

/** One document, however many entries there are. */
function asJson(format: TreeFormat, codec: string): TreeListing {
  let separator = '\n';
  return {
    start: `{\n  "format": ${toJson(format.name)},\n  "codec": ${toJson(codec)},\n  "entries": [`,
    show(entry) {
      const line = `${separator}    ${toJson(entryAsJson(entry, format.nameOf(entry)))}`;
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
  let text = start;
  try {
    for await (const run of PullIterator.of(entries).runs()) {
      for (const entry of run) {
        text += show(entry);
        if (text.length < CHUNK_LENGTH) continue;
        yield Buffer.from(text);
        text = '';
      }
    }
  } catch (error) {
    if (isUsefulInPart && text !== '') yield Buffer.from(text);
    throw error;
  }
  text += end;
  if (text !== '') yield Buffer.from(text);
}

/**
 * How much text is written at once. Longer text, joined from thousands of parts, costs the garbage collector
 * more than the work itself.
 */
const CHUNK_LENGTH = 16 * 1024;

/** An entry as `list --json` prints it. Fields that do not apply are absent. */
export function entryAsJson(entry: FileEntry, name: string): object {
  const { type, mode, uid, gid, size, mtime, linkTarget, device, xattrs, acl, defaultAcl, fcaps } = entry;
  return {
    path: name,
    type,
    mode: `0${mode.toString(8).padStart(3, '0')}`,
    ...{ uid, gid, size },
    mtime: seconds(mtime),
    ...(linkTarget !== undefined && { linkTarget }),
    ...(device !== undefined && { device: [device.major, device.minor] }),
    ...(xattrs !== undefined && xattrs.size > 0 && { xattrs: base64Values(xattrs) }),
    ...(acl !== undefined && { acl: aclText(acl) }),
    ...(defaultAcl !== undefined && { defaultAcl: aclText(defaultAcl) }),
    ...(fcaps !== undefined && { capabilities: Buffer.from(fcaps).toString('base64') }),
    ...(entry.flags !== undefined && entry.flags !== 0 && { flags: entry.flags }),
    ...(entry.quotaProject !== undefined && { quotaProject: entry.quotaProject }),
  };
}

/** `1700000000.123456789`: a number would not be exact. */
function seconds(nanoseconds: bigint): string {
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const whole = (nanoseconds - fraction) / 1_000_000_000n;
  if (fraction === 0n) return String(whole);
  // Before the epoch: -1.5 is whole -2 and fraction 0.5.
  const [shown, part] = whole < 0n ? [whole + 1n, 1_000_000_000n - fraction] : [whole, fraction];
  const sign = whole < 0n && shown === 0n ? '-' : '';
  return `${sign}${shown}.${String(part).padStart(9, '0')}`;
}

function base64Values(xattrs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  );
}

function aclText(acl: Acl): string[] {
  return formatAclText(acl).trim().split('\n');
}

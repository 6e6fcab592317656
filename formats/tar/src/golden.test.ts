import { formatAclText } from '@vzdump-format/file-tree';
import { BufferSource } from '@vzdump-format/streams';
import { type GoldenTar, goldenTarBytes, goldenTars, type TreeFile } from '@vzdump-format/test-vectors';
import { chunked, collect, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { BLOCK_SIZE, LENGTH } from './format.js';
import { formatListing, ListingColumns } from './listing.js';
import { openTar } from './read/random-access.js';
import { unpackTar, verifyTar } from './read/unpack.js';
import { repairChecksum } from './testing/built-archive.js';
import { type ReadEntry, readEntries } from './testing/entries.js';
import { packTar } from './write/pack.js';

process.env.TZ = 'UTC'; // as the vectors were listed

const SECOND = 1_000_000_000n;
const LAST_OCTAL_TIME = 0o77777777777n * SECOND;
/** Times of `mtime=1000.5` in a global header. */
const GLOBAL_TIME = 1_000_500_000_000n;

const all = goldenTars();

function holdsNanoseconds({ name }: GoldenTar): boolean {
  return !/^gnu-(v7|ustar|oldgnu|gnu|sparse-old|incremental|label)$|^bsd-(ustar|gnu)$/.test(name);
}

function expectedTime(golden: GoldenTar, file: TreeFile): bigint {
  const time = BigInt(file.mtime);
  if (golden.name === 'gnu-global' && time % SECOND === 0n) return GLOBAL_TIME; // others have a record of their own
  if (golden.name === 'bsd-gnu' && time < 0n) return 0n; // as bsdtar writes them there
  if (golden.name === 'bsd-gnu' && time > LAST_OCTAL_TIME) return LAST_OCTAL_TIME;
  return holdsNanoseconds(golden) ? time : (time / SECOND) * SECOND;
}

/** What the archive should say of a path, in the words of `TreeFile`. */
function expectedOf(golden: GoldenTar, path: string, isFirstName: boolean): object {
  const file = golden.files[path]!;
  const { inode: _, xattrs, acl, defaultAcl, size, sha256: hash, ...fields } = file;
  const isLink = !isFirstName && file.type !== 'directory';
  const keepsAttributes = golden.name.endsWith('-attributes');
  return {
    ...fields,
    type: isLink ? 'hardlink' : file.type,
    mtime: String(expectedTime(golden, file)),
    size: isLink ? 0 : (size ?? 0),
    sha256: isLink ? undefined : hash,
    xattrs: keepsAttributes && !isLink ? xattrs : undefined,
    acl: keepsAttributes && !isLink ? acl?.toSorted() : undefined,
    defaultAcl: keepsAttributes && !isLink ? defaultAcl?.toSorted() : undefined,
  };
}

/** The same of what was read. GNU tar names users and groups of ACLs, where it knows them. */
function foundOf(entry: ReadEntry): object {
  const { path, type, mode, uid, gid, mtime, size, linkTarget, device, content } = entry;
  const xattrs = new Map(entry.xattrs);
  if (entry.fcaps) xattrs.set('security.capability', entry.fcaps);
  const values = [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')] as const);
  return {
    ...{ type, mode, uid, gid, size, mtime: String(mtime) },
    linkTarget: type === 'symlink' ? linkTarget : undefined,
    device: device && [device.major, device.minor],
    sha256: content && path !== 'wide' ? sha256(content) : undefined,
    xattrs: values.length > 0 ? Object.fromEntries(values.sort()) : undefined,
    acl: aclLines(entry.acl),
    defaultAcl: aclLines(entry.defaultAcl),
  };
}

function aclLines(acl: ReadEntry['acl']): string[] | undefined {
  if (acl === undefined) return undefined;
  const byNumber = acl.map((entry) =>
    entry.name === 'daemon' ? { ...entry, id: 1, name: undefined } : entry,
  );
  return formatAclText(byNumber).trimEnd().split('\n').toSorted();
}

/**
 * GNU tar writes an access ACL beside every default one, bsdtar for every file; one that says no more than
 * the mode is none.
 */
function withoutMinimalAcl(found: object): object {
  const { acl, ...rest } = found as { acl?: string[] };
  return { ...rest, acl: acl !== undefined && acl.length > 3 ? acl : undefined };
}

/** A label is no member here, and what an incremental archive has for a directory is no content of it. */
function listingOf({ name, listing }: GoldenTar): string[] {
  const members = listing.filter((line) => !line.endsWith('--Volume Header--'));
  if (name !== 'gnu-incremental') return members;
  return members.map((line) =>
    line.replace(
      /^(d\S+ \S+) ( *\d+) /,
      (_, start: string, size: string) => `${start} ${'0'.padStart(size.length)} `,
    ),
  );
}

describe.each(all)('$name', (golden) => {
  const bytes = goldenTarBytes(golden);
  const unpack = () => unpackTar(chunked(bytes, 65536));

  test('is the archive that was made', () => {
    expect(sha256(bytes)).toBe(golden.sha256);
  });

  test('is read with what was in the tree', async () => {
    const entries = await readEntries(unpack());
    expect(entries.map(({ path }) => path).sort()).toEqual(Object.keys(golden.files).sort());
    const names = new Map<string, string>();
    for (const entry of entries) {
      const { inode } = golden.files[entry.path]!;
      const isFirstName = !names.has(inode);
      if (isFirstName) names.set(inode, entry.path);
      else expect(entry.linkTarget).toBe(names.get(inode));
      expect(withoutMinimalAcl(foundOf(entry)), entry.path).toEqual(
        expectedOf(golden, entry.path, isFirstName),
      );
    }
  });

  test('is listed as GNU tar does', async () => {
    const columns = new ListingColumns();
    const lines: string[] = [];
    for await (const entry of unpack()) lines.push(formatListing(entry, columns));
    expect(lines).toEqual(listingOf(golden));
  });

  test('verifies', async () => {
    const warnings: string[] = [];
    const summary = await verifyTar(chunked(bytes, 65536), { onWarning: ({ code }) => warnings.push(code) });
    const members = Object.values(summary.entries).reduce((sum, count) => sum + count);
    expect(members).toBe(Object.keys(golden.files).length);
    expect(warnings).toEqual(golden.name.includes('incremental') ? ['TAR_INCREMENTAL'] : []);
  });

  test('is the same at random', async () => {
    const archive = await openTar(new BufferSource(bytes));
    const entries = await readEntries(unpack());
    expect(archive.count).toBe(entries.length);
    const listed = await readEntries(archive.entries());
    for (const [index, { content, ...entry }] of entries.entries()) {
      expect(listed[index]).toMatchObject(entry);
      if (content === undefined || entry.path === 'wide') continue;
      const file = await archive.open(entry.path);
      const read = Buffer.alloc(file.size, 0xee);
      expect(await file.read(read, 0)).toBe(file.size);
      expect(read.equals(content), entry.path).toBe(true);
    }
  });
});

/** GNU tar puts the number of its process into the names of sparse members. */
function withoutProcessNumbers(archive: Buffer): Buffer {
  const result = Buffer.from(archive);
  for (let at = 0; at < result.length; at += BLOCK_SIZE) {
    const block = result.subarray(at, at + BLOCK_SIZE);
    const name = block.toString('latin1', 0, LENGTH.name);
    if (!/^\.\/GNUSparseFile\.\d+\//.test(name)) continue;
    block.fill(0, 0, LENGTH.name);
    block.write(name.replace(/\.\d+\//, '.0/'), 'latin1');
    repairChecksum(block);
  }
  return result;
}

describe('what vzdump writes is written the same, byte for byte', () => {
  test.each(all.filter(({ name }) => name.startsWith('vzdump-')))('$name', async (golden) => {
    const archive = goldenTarBytes(golden);
    const again = await collect(packTar(unpackTar(chunked(archive, 65536))));
    expect(again.equals(withoutProcessNumbers(archive))).toBe(true);
  });
});

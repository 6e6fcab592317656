import type { AclEntry, EntryType, FileEntry } from '@vzdump-format/file-tree';
import { bytesToPath } from '@vzdump-format/posix';
import type { PxarListing } from '@vzdump-format/test-vectors';
import { overwriting, sha256 } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { toLinuxFlags } from './metadata.js';
import type { PxarHeader } from './read/entry-reader.js';
import { unpackPxar } from './read/unpack.js';
import { contentOf } from './testing/listing.js';
import { pack } from './testing/packing.js';
import { goldenVectors } from './testing/vectors.js';

/**
 * Vectors that the real encoder did not write as they are: made from others by hand, or with calls that `pxar
 * create` has not.
 */
const BY_HAND = [
  'entry-v1',
  'trailing-bytes',
  'version1-explicit',
  'version2-unified-prelude',
  'v2-ref-skip',
];

const VECTORS = goldenVectors().filter(({ name }) => !BY_HAND.includes(name));

describe.each(VECTORS)('$name', ({ archive, payload, decoder }) => {
  const split = payload !== undefined;

  test('unpacked and packed again, has the same bytes', async () => {
    let header: PxarHeader | undefined;
    const onHeader = (found: PxarHeader) => {
      header = found;
    };
    const readPayload = payload && overwriting(payload, 100);
    const entries = unpackPxar(overwriting(archive, 1000), { payload: readPayload, onHeader });
    // the header is there only when the first entry is
    const first = await entries.next();
    async function* all(): AsyncGenerator<FileEntry> {
      yield first.value as FileEntry;
      yield* entries;
    }
    const packed = await pack(all(), { split, prelude: header?.prelude });
    expect(packed.archive.equals(archive)).toBe(true);
    expect(packed.payload?.equals(payload!) ?? !split).toBe(true);
  });

  test('packed from its description, has the same bytes', async () => {
    const contents = await contentsByHash(archive, payload);
    const prelude = decoder.entries.find(({ type }) => type === 'prelude')?.prelude_hex;
    const described = decoder.entries.filter(({ type }) => type !== 'version' && type !== 'prelude');
    const packed = await pack(
      described.map((listing) => entryIn(listing, contents)),
      { split, prelude: prelude === undefined ? undefined : Buffer.from(prelude, 'hex') },
    );
    expect(packed.archive.equals(archive)).toBe(true);
    expect(packed.payload?.equals(payload!) ?? !split).toBe(true);
  });
});

test.each(['fs-walk', 'fs-walk-v2'])('%s, with the patterns of the command line', async (name) => {
  const { archive, payload, decoder } = VECTORS.find((vector) => vector.name === name)!;
  const contents = await contentsByHash(archive, payload);
  const cliFile = Buffer.from('/.pxarexclude-cli').toString('hex');
  const entries = decoder.entries
    .filter(({ type, path_hex }) => type !== 'version' && type !== 'prelude' && path_hex !== cliFile)
    .map((listing) => entryIn(listing, contents));
  const packed = await pack(entries, { split: payload !== undefined, excludePatterns: ['*.nothing'] });
  expect(packed.archive.equals(archive)).toBe(true);
  expect(packed.payload?.equals(payload!)).toBe(payload === undefined ? undefined : true);
});

/** The description has hashes of contents only. */
async function contentsByHash(
  archive: Buffer,
  payload: Buffer | undefined,
): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>();
  const readPayload = payload && overwriting(payload, 4096);
  for await (const entry of unpackPxar(overwriting(archive, 4096), { payload: readPayload })) {
    const content = await contentOf(entry);
    contents.set(sha256(content), content);
  }
  return contents;
}

function entryIn(listing: PxarListing, contents: ReadonlyMap<string, Uint8Array>): FileEntry {
  const text = (hex: string) => bytesToPath(Buffer.from(hex, 'hex'));
  const { acl } = listing;
  const mode = Number.parseInt(listing.mode ?? '0', 8);
  return {
    path: text(listing.path_hex).slice(1),
    type: listing.type === 'dir' ? 'directory' : (listing.type as EntryType),
    mode: mode & 0o7777,
    uid: listing.uid ?? 0,
    gid: listing.gid ?? 0,
    mtime: BigInt(listing.mtime_secs ?? 0) * 1_000_000_000n + BigInt(listing.mtime_nanos ?? 0),
    size: listing.size ?? 0,
    linkTarget: listing.target_hex === undefined ? undefined : text(listing.target_hex),
    device: listing.major === undefined ? undefined : { major: listing.major, minor: listing.minor! },
    flags: toLinuxFlags(Number(listing.flags ?? 0)),
    fcaps: listing.fcaps_hex === undefined ? undefined : Buffer.from(listing.fcaps_hex, 'hex'),
    xattrs:
      listing.xattrs &&
      new Map(
        listing.xattrs.map(({ name_hex, value_hex }) => [text(name_hex), Buffer.from(value_hex, 'hex')]),
      ),
    acl: acl && accessAcl(acl, mode),
    defaultAcl: acl && defaultAcl(acl),
    content: listing.sha256 === undefined ? undefined : contents.get(listing.sha256)!,
  };
}

type ListedAcl = NonNullable<PxarListing['acl']>;

function accessAcl({ users, groups, group_obj }: ListedAcl, mode: number): AclEntry[] | undefined {
  if (users.length + groups.length === 0 && group_obj === undefined) return undefined;
  return [
    { tag: 'user-object', permissions: (mode >> 6) & 7 },
    ...users.map(({ uid, perm }) => ({ tag: 'user' as const, id: uid, permissions: perm })),
    { tag: 'group-object', permissions: group_obj! },
    ...groups.map(({ gid, perm }) => ({ tag: 'group' as const, id: gid, permissions: perm })),
    { tag: 'mask', permissions: (mode >> 3) & 7 },
    { tag: 'other', permissions: mode & 7 },
  ];
}

function defaultAcl({ default: fixed, default_users, default_groups }: ListedAcl): AclEntry[] | undefined {
  const named = [
    ...default_users.map((one) => ({ tag: 'user' as const, id: one.uid, permissions: one.perm })),
    ...default_groups.map((one) => ({ tag: 'group' as const, id: one.gid, permissions: one.perm })),
  ];
  if (fixed === undefined) return named.length > 0 ? named : undefined;
  const mask: AclEntry[] = fixed.mask === 'none' ? [] : [{ tag: 'mask', permissions: fixed.mask }];
  return [
    { tag: 'user-object', permissions: fixed.user_obj },
    { tag: 'group-object', permissions: fixed.group_obj },
    { tag: 'other', permissions: fixed.other },
    ...mask,
    ...named,
  ];
}

import type { AclEntry, FileEntry } from '@vzdump-format/file-tree';
import { bytesToPath, pathToBytes } from '@vzdump-format/posix';
import { BufferSource, readChunks } from '@vzdump-format/streams';
import { collect, overwriting } from '@vzdump-format/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PxarEntry } from './read/entry-reader.js';
import { openPxar } from './read/random-access.js';
import { unpackPxar, verifyPxar } from './read/unpack.js';
import { contentOf } from './testing/listing.js';
import { pack } from './testing/packing.js';

/** Whatever bytes may be a name. */
const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => bytesToPath(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x41 : byte))))
  .filter((text) => text !== '.' && text !== '..');

const permissions = fc.integer({ min: 0, max: 7 });
const id = fc.nat({ max: 0xffff_fffe });
const owner = fc.record({ uid: id, gid: id });
const mtime = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
const bytes = fc.uint8Array({ maxLength: 50 });
const xattrs = fc
  .array(fc.tuple(name, bytes), { minLength: 1, maxLength: 4 })
  .map((pairs) => new Map(pairs.map(([key, value]) => [`user.${key}`, value])));

/** In the order in which they are unpacked, with a mask, since the mode says the rest. */
const acl = fc
  .record({
    fixed: fc.tuple(permissions, permissions, permissions, permissions),
    users: fc.uniqueArray(id, { maxLength: 3 }),
    groups: fc.uniqueArray(id, { maxLength: 3 }),
    each: permissions,
  })
  .map(({ fixed, users, groups, each }): AclEntry[] => {
    const sorted = (ids: number[], tag: 'user' | 'group') =>
      ids.sort((a, b) => a - b).map((one) => ({ tag, id: one, permissions: each }));
    return [
      { tag: 'user-object', permissions: fixed[0] },
      ...sorted(users, 'user'),
      { tag: 'group-object', permissions: fixed[1] },
      ...sorted(groups, 'group'),
      { tag: 'mask', permissions: fixed[2] },
      { tag: 'other', permissions: fixed[3] },
    ];
  });

const metadata = fc.record(
  { xattrs, acl, defaultAcl: acl, fcaps: bytes, quotaProject: fc.integer({ min: 1, max: 0xffff_ffff }) },
  { requiredKeys: [] },
);

type Node = Omit<FileEntry, 'path'> & { readonly name: string; readonly children?: readonly Node[] };

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc
      .tuple(
        name,
        owner,
        mtime,
        fc.integer({ min: 0, max: 0o7777 }),
        fc.uint8Array({ maxLength: 3000 }),
        metadata,
      )
      .map(([of, ids, time, mode, content, rest]): Node => {
        const { defaultAcl: _, ...forFiles } = rest;
        return {
          name: of,
          type: 'file',
          ...ids,
          mtime: time,
          mode,
          size: content.length,
          content,
          ...forFiles,
        };
      }),
    fc.tuple(name, owner, mtime, name).map(
      ([of, ids, time, target]): Node => ({
        ...{ name: of, type: 'symlink', ...ids, mtime: time, mode: 0o777, size: 0, linkTarget: target },
      }),
    ),
    fc.tuple(name, fc.constantFrom('block', 'char'), id, id).map(
      ([of, type, major, minor]): Node => ({
        ...{ name: of, type, uid: 0, gid: 0, mtime: 0n, mode: 0, size: 0, device: { major, minor } },
      }),
    ),
    fc
      .tuple(name, fc.constantFrom('fifo', 'socket'))
      .map(([of, type]): Node => ({ name: of, type, uid: 0, gid: 0, mtime: 0n, mode: 0o600, size: 0 })),
    fc
      .tuple(name, owner, metadata, fc.array(tie('node') as fc.Arbitrary<Node>, { maxLength: 6 }))
      .map(([of, ids, { fcaps: _, ...rest }, children]): Node => {
        return { name: of, type: 'directory', ...ids, mtime: 5n, mode: 0o1700, size: 0, ...rest, children };
      }),
  ),
}));

/** Depth first. What has the name of one before it is left out, and the mode is what the ACL makes of it. */
function* flatten(nodes: readonly Node[], directory: string): Generator<FileEntry> {
  const seen = new Set<string>();
  for (const { name: own, children = [], ...rest } of nodes) {
    if (seen.has(own)) continue;
    seen.add(own);
    const path = directory === '' ? own : `${directory}/${own}`;
    yield { path, ...rest, mode: modeOf(rest) };
    yield* flatten(children, path);
  }
}

function modeOf({ mode, acl: list }: Pick<FileEntry, 'mode' | 'acl'>): number {
  if (list === undefined) return mode;
  const of = (tag: string) => list.find((entry) => entry.tag === tag)!.permissions;
  return (mode & 0o7000) | (of('user-object') << 6) | (of('mask') << 3) | of('other');
}

/** What does not depend on where it stands, with each part in one form. */
async function plain(entry: FileEntry): Promise<object> {
  const { path, type, mode, uid, gid, mtime, size, linkTarget, device, fcaps, quotaProject } = entry;
  const hex = (value: Uint8Array | undefined) => value && Buffer.from(value).toString('hex');
  return {
    path: hex(pathToBytes(path)),
    ...{ type, mode, uid, gid, mtime, size, linkTarget, device, quotaProject, acl: entry.acl },
    defaultAcl: entry.defaultAcl,
    fcaps: hex(fcaps),
    xattrs: entry.xattrs && [...entry.xattrs].map(([key, value]) => [key, hex(value)]),
    content: entry.content && hex(await contentOf(entry)),
  };
}

const root = { path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 1n, size: 0 } as const;

test.each([{ split: false }, { split: true }])(
  'what is packed is unpacked, and found: %o',
  async (options) => {
    const trees = fc.array(node, { maxLength: 12 });
    const seen = { entries: 0 };
    await fc.assert(
      fc.asyncProperty(trees, async (tree) => {
        const entries: FileEntry[] = [root, ...flatten(tree, '')];
        seen.entries += entries.length;
        const expected = await Promise.all(entries.map(plain));
        const { archive, payload } = await pack(entries, options);
        const payloadIn = (size: number) => payload && overwriting(payload, size);

        const unpacked: object[] = [];
        for await (const entry of unpackPxar(overwriting(archive, 333), {
          payload: payloadIn(100),
          verify: true,
        })) {
          unpacked.push(await plain(entry));
        }
        expect(unpacked).toEqual(expected);
        await verifyPxar(overwriting(archive, 4096), { payload: payloadIn(4096) });

        const opened = await openPxar(new BufferSource(archive), {
          payload: payload && new BufferSource(payload),
        });
        for (const [index, { path, type }] of entries.entries()) {
          const found: PxarEntry[] = [];
          for await (const entry of opened.entries(path)) {
            found.push(entry);
            expect(await plain(entry)).toEqual(expected[index]);
            break;
          }
          expect(await opened.stat(path)).toEqual({ ...found[0], content: undefined });
          if (type !== 'file') continue;
          const content = await collect(readChunks(await opened.open(path)));
          expect(content).toEqual(Buffer.from(await contentOf(entries[index]!)));
        }

        const again = await pack(
          unpackPxar(overwriting(archive, 1000), { payload: payloadIn(1000) }),
          options,
        );
        expect(again.archive.equals(archive)).toBe(true);
      }),
      { seed: 5, numRuns: 60 },
    );
    expect(seen.entries).toBeGreaterThan(400);
  },
);

import type { FileEntry } from '@vzdump-format/file-tree';
import { owned } from '@vzdump-format/streams';
import { collect, noise } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { MAX_DEPTH } from '../format.js';
import type { PxarEntry } from '../read/entry-reader.js';
import { unpackPxar, verifyPxar } from '../read/unpack.js';
import { inOnePiece } from '../testing/bytes.js';
import { contentOf } from '../testing/listing.js';
import { directoryOf, entryOf, fileOf, pack, ROOT } from '../testing/packing.js';
import { isKeptByProxmox, packPxar } from './pack.js';

interface Packed {
  readonly entries: PxarEntry[];
  readonly warnings: { readonly code: string; readonly entry?: string | undefined }[];
}

/** Packs, verifies, and unpacks again, whole contents included. */
async function packed(
  entries: readonly FileEntry[],
  options: Parameters<typeof pack>[1] = {},
): Promise<Packed> {
  const warnings: Packed['warnings'] = [];
  const onWarning = ({ code, entry }: { code: string; entry?: string | undefined }) => {
    warnings.push({ code, entry });
  };
  const { archive, payload } = await pack(entries, { onWarning, ...options });
  await verifyPxar(inOnePiece(archive), { payload: payload && inOnePiece(payload) });
  const found: PxarEntry[] = [];
  for await (const entry of unpackPxar(inOnePiece(archive), { payload: payload && inOnePiece(payload) })) {
    found.push({ ...entry, content: entry.content && Uint8Array.from(await contentOf(entry)) });
  }
  return { entries: found, warnings };
}

async function pathsOf(entries: readonly FileEntry[]): Promise<string[]> {
  return (await packed(entries)).entries.map(({ path }) => path);
}

describe('directories', () => {
  test('keep the order of their entries', async () => {
    const entries = [ROOT, fileOf('z'), directoryOf('m'), fileOf('m/b'), fileOf('m/a'), fileOf('a')];
    expect(await pathsOf(entries)).toEqual(['', 'z', 'm', 'm/b', 'm/a', 'a']);
  });

  test('whose names begin alike are told apart', async () => {
    const entries = [ROOT, directoryOf('a'), fileOf('a/x'), directoryOf('ab'), fileOf('ab/x'), fileOf('a-')];
    expect(await pathsOf(entries)).toEqual(['', 'a', 'a/x', 'ab', 'ab/x', 'a-']);
  });

  test('that are missing are made up, with one warning for all', async () => {
    const messages: string[] = [];
    const { entries } = await packed([fileOf('a/b/c', 'deep'), fileOf('a/d'), fileOf('e/f')], {
      onWarning: ({ code, message }) => messages.push(`${code}: ${message}`),
    });
    expect(entries.map(({ path }) => path)).toEqual(['', 'a', 'a/b', 'a/b/c', 'a/d', 'e', 'e/f']);
    expect(entries[2]).toMatchObject({ type: 'directory', mode: 0o755, uid: 0, mtime: entries[3]!.mtime });
    expect(messages).toEqual([
      'PXAR_DIRECTORY_ADDED: 4 entries made up, as what is in them came first: directories of root, with the mode 0755; first the root directory',
    ]);
  });

  test('nothing at all is an empty root', async () => {
    const { entries, warnings } = await packed([]);
    expect(entries).toMatchObject([{ path: '', type: 'directory', mode: 0o755 }]);
    expect(warnings).toHaveLength(1);
  });

  test.each([
    ['is come back to', [fileOf('a/x'), fileOf('b'), fileOf('a/y')], 'a/y'],
    ['deep down is come back to', [fileOf('r/a/x'), fileOf('r/b'), fileOf('r/a/y')], 'r/a/y'],
    ['is in truth a file', [fileOf('a'), fileOf('a/x')], 'a/x'],
    ['comes after what is in it', [fileOf('a/x'), directoryOf('a')], 'a'],
  ])('that %s: an error', async (_, entries, entry) => {
    await expect(pack([ROOT, ...entries])).rejects.toMatchObject({ code: 'PXAR_ENTRY_ORDER', entry });
  });

  test('the root after others, or as a file: an error', async () => {
    await expect(pack([fileOf('a'), ROOT])).rejects.toMatchObject({ code: 'PXAR_ENTRY_ORDER', entry: '' });
    await expect(pack([ROOT, ROOT])).rejects.toMatchObject({ code: 'PXAR_ENTRY_ORDER', entry: '' });
    await expect(pack([fileOf('')])).rejects.toMatchObject({ code: 'PXAR_ROOT' });
  });

  test('with a name twice are written, with a warning', async () => {
    const { entries, warnings } = await packed([ROOT, fileOf('a', '1'), fileOf('b'), fileOf('a', '2')]);
    expect(entries).toHaveLength(4);
    expect(warnings).toEqual([{ code: 'PXAR_NAME_REPEATED', entry: '' }]);
  });

  test('no deeper than can be read again', async () => {
    const directories = Array.from({ length: MAX_DEPTH }, (_, depth) =>
      directoryOf(`a${'/a'.repeat(depth)}`),
    );
    expect(await pathsOf([ROOT, ...directories.slice(0, -1)])).toHaveLength(MAX_DEPTH);
    await expect(pack([ROOT, ...directories])).rejects.toMatchObject({ code: 'PXAR_LIMIT' });
  });
});

test.each(['/a', 'a//b', 'a/', './a', '../a', 'a/../b', 'a\0b'])('the path %j is refused', async (path) => {
  await expect(pack([ROOT, fileOf(path)])).rejects.toMatchObject({ code: 'PXAR_PATH', entry: path });
});

describe('hardlinks', () => {
  const link = (path: string, linkTarget: string, rest: Partial<FileEntry> = {}) =>
    entryOf({ path, type: 'hardlink', linkTarget, ...rest });

  test('lead to files before them, from everywhere', async () => {
    const { entries } = await packed([
      ROOT,
      directoryOf('d'),
      fileOf('d/file', 'x'),
      link('d/second', 'd/file'),
      directoryOf('e'),
      link('e/third', 'd/file'),
      link('fourth', 'e/third'),
    ]);
    const file = entries.find(({ path }) => path === 'd/file')!;
    for (const path of ['d/second', 'e/third', 'fourth']) {
      expect(entries.find((entry) => entry.path === path)).toMatchObject({
        type: 'hardlink',
        linkOffset: file.archiveOffset,
      });
    }
  });

  test('of a file that is said to have one name are an error, as of one that is not there', async () => {
    const once = { ...fileOf('a'), links: 1 };
    await expect(pack([ROOT, once, link('b', 'a')])).rejects.toMatchObject({
      code: 'PXAR_HARDLINK',
      entry: 'b',
    });
    await expect(pack([ROOT, link('b', 'c'), fileOf('c')])).rejects.toMatchObject({ code: 'PXAR_HARDLINK' });
    const twice = { ...fileOf('a'), links: 2 };
    expect((await packed([ROOT, twice, link('b', 'a', { links: 2 })])).entries).toHaveLength(3);
  });

  test('to what is no file become a copy of it, with a warning', async () => {
    const { entries, warnings } = await packed([
      ROOT,
      entryOf({ path: 's', type: 'symlink', linkTarget: 'somewhere', uid: 5 }),
      link('t', 's'),
      link('u', 't'),
    ]);
    expect(entries.slice(2)).toMatchObject([
      { path: 't', type: 'symlink', linkTarget: 'somewhere', uid: 5 },
      { path: 'u', type: 'symlink', linkTarget: 'somewhere', uid: 5 },
    ]);
    expect(warnings).toMatchObject([{ code: 'PXAR_HARDLINK_COPIED', entry: 't' }]);
  });

  test('to a directory are an error', async () => {
    const packing = pack([ROOT, directoryOf('d'), link('l', 'd')]);
    await expect(packing).rejects.toMatchObject({ code: 'PXAR_HARDLINK' });
  });
});

describe('contents', () => {
  async function* pieces(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.alloc(Math.max(...parts.map(({ length }) => length), 1));
    for (const part of parts) {
      buffer.set(part);
      yield buffer.subarray(0, part.length);
      buffer.fill(0xee);
    }
  }
  const large = noise(300_000);

  test.each([{ split: false }, { split: true }])('in pieces of all sizes, reused: %o', async (options) => {
    const content = pieces(large.subarray(0, 10), large.subarray(10, 200_000), large.subarray(200_000));
    const entry = entryOf({ path: 'f', type: 'file', size: large.length, content });
    const { entries } = await packed([ROOT, fileOf('a', 'a'), entry, fileOf('z', 'z')], options);
    expect(Buffer.from(entries[2]!.content as Uint8Array).equals(large)).toBe(true);
    expect(entries[3]!.content).toEqual(Uint8Array.from(Buffer.from('z')));
  });

  test('chunks may be kept where they are owned', async () => {
    const files = Array.from({ length: 600 }, (_, index) => fileOf(`${index}`, 'x'.repeat(10_000)));
    files.push(entryOf({ path: 'large', type: 'file', size: large.length, content: large }));
    const chunks: Uint8Array[] = [];
    for await (const chunk of owned(packPxar([ROOT, ...files]))) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(3);
    const { archive } = await pack([ROOT, ...files]);
    expect(Buffer.concat(chunks).equals(archive)).toBe(true);
  });

  test('holes are written as zeros', async () => {
    const data = Buffer.from('startend');
    const extents = [
      { offset: 10, length: 5 },
      { offset: 100_000, length: 3 },
    ];
    const sparse = entryOf({ path: 's', type: 'file', size: 150_000, extents, content: data });
    const hole = entryOf({ path: 't', type: 'file', size: 70_000, extents: [] });
    const { entries } = await packed([ROOT, sparse, hole]);
    const expected = Buffer.alloc(150_000);
    expected.write('start', 10);
    expected.write('end', 100_000);
    expect(Buffer.from(entries[1]!.content as Uint8Array).equals(expected)).toBe(true);
    expect(Buffer.from(entries[2]!.content as Uint8Array).equals(Buffer.alloc(70_000))).toBe(true);
  });

  test.each<[string, Partial<FileEntry>]>([
    ['too short', { size: 10, content: Buffer.from('short') }],
    ['too long', { size: 3, content: Buffer.from('long') }],
    ['missing', { size: 3 }],
    ['there though the size is 0', { size: 0, content: Buffer.from('x') }],
    ['in pieces and too short', { size: 100_000, content: pieces(large.subarray(0, 99_999)) }],
    ['in pieces and too long', { size: 100_000, content: pieces(large.subarray(0, 100_001)) }],
    ['of no size', { size: Number.NaN, content: Buffer.from('x') }],
    ['of a negative size', { size: -1 }],
    ['past its end', { size: 10, extents: [{ offset: 8, length: 3 }], content: Buffer.from('abc') }],
    [
      'overlapping',
      {
        size: 9,
        extents: [
          { offset: 4, length: 3 },
          { offset: 5, length: 1 },
        ],
        content: Buffer.from('abcd'),
      },
    ],
  ])('%s are refused', async (_, entry) => {
    const packing = pack([ROOT, entryOf({ path: 'f', type: 'file', ...entry })]);
    await expect(packing).rejects.toMatchObject({ code: 'PXAR_CONTENT_SIZE', entry: 'f' });
  });

  test('an error of a source comes through, and the source is let go of', async () => {
    let closed = 0;
    async function* failing(): AsyncGenerator<Uint8Array> {
      try {
        yield noise(10);
        throw new Error('EIO');
      } finally {
        closed++;
      }
    }
    const entry = entryOf({ path: 'f', type: 'file', size: 100, content: failing() });
    await expect(pack([ROOT, entry])).rejects.toThrow('EIO');
    const tooLong = entryOf({ path: 'f', type: 'file', size: 5, content: failing() });
    await expect(pack([ROOT, tooLong])).rejects.toMatchObject({ code: 'PXAR_CONTENT_SIZE' });
    expect(closed).toBe(2);
  });
});

describe('metadata', () => {
  const user = { tag: 'user', id: 7, permissions: 6 } as const;
  const group = { tag: 'group', id: 8, permissions: 5 } as const;
  const mask = { tag: 'mask', permissions: 4 } as const;
  const fixed = [
    { tag: 'user-object', permissions: 7 },
    { tag: 'group-object', permissions: 1 },
    { tag: 'other', permissions: 2 },
  ] as const;

  async function only(entry: FileEntry): Promise<{ entry: PxarEntry; codes: string[] }> {
    const { entries, warnings } = await packed([ROOT, entry]);
    return { entry: entries[1]!, codes: warnings.map(({ code }) => code) };
  }

  test('the mask stands in the mode, and comes back', async () => {
    const { entry } = await only({ ...fileOf('f'), mode: 0o6000, acl: [...fixed, user, group, mask] });
    expect(entry.mode).toBe(0o6742);
    expect(entry.acl).toEqual([fixed[0], user, fixed[1], group, mask, fixed[2]]);
  });

  test('an ACL that says no more than the mode is in the mode', async () => {
    const { entry } = await only({ ...fileOf('f'), acl: fixed });
    expect(entry).toMatchObject({ mode: 0o712, acl: undefined });
  });

  test('users and groups of an ACL are sorted by id', async () => {
    const users = [9, 3, 5].map((id) => ({ ...user, id }));
    const { entry } = await only({ ...fileOf('f'), acl: [...fixed, ...users, mask] });
    expect(entry.acl!.filter(({ tag }) => tag === 'user').map(({ id }) => id)).toEqual([3, 5, 9]);
  });

  test('a default ACL with and without a mask', async () => {
    const withMask = await only({ ...directoryOf('d'), defaultAcl: [...fixed, user, mask] });
    expect(withMask.entry.defaultAcl).toEqual([fixed[0], user, fixed[1], mask, fixed[2]]);
    const without = await only({ ...directoryOf('d'), defaultAcl: fixed });
    expect(without.entry.defaultAcl).toEqual(fixed);
    const partial = await only({ ...directoryOf('d'), defaultAcl: [mask] });
    expect(partial.entry.defaultAcl).toEqual([mask]);
  });

  test('what cannot be kept is left out, with a warning', async () => {
    const xattrs = new Map([['user.a', Buffer.from('b')]]);
    const byName = { tag: 'user', name: 'somebody', permissions: 7 } as const;
    const cases: [FileEntry, keyof FileEntry][] = [
      [entryOf({ path: 's', type: 'symlink', linkTarget: 'x', xattrs }), 'xattrs'],
      [entryOf({ path: 'p', type: 'fifo', acl: [...fixed, user, mask] }), 'acl'],
      [entryOf({ path: 'f', type: 'file', defaultAcl: fixed }), 'defaultAcl'],
      [entryOf({ path: 'd', type: 'directory', fcaps: Buffer.alloc(20) }), 'fcaps'],
      [entryOf({ path: 'n', type: 'file', acl: [byName] }), 'acl'],
    ];
    for (const [entry, field] of cases) {
      const result = await only(entry);
      expect(result.codes).toEqual(['PXAR_LEFT_OUT']);
      expect(result.entry[field]).toBeUndefined();
    }
  });

  test('times before the epoch are rounded down', async () => {
    for (const mtime of [-1n, -1_500_000_000n, -(2n ** 63n), 2n ** 63n, 0n, 999_999_999n]) {
      expect((await only({ ...fileOf('f'), mtime })).entry.mtime).toBe(mtime);
    }
  });

  test('a quota project; 0 is none', async () => {
    expect((await only({ ...fileOf('f'), quotaProject: 4_000_000_000 })).entry.quotaProject).toBe(
      4_000_000_000,
    );
    expect((await only({ ...fileOf('f'), quotaProject: 0 })).entry.quotaProject).toBeUndefined();
  });

  test('attributes that pxar has, and no others', async () => {
    const known = 0x20 | 0x80 | 0x4 | 0x80_0000 | 0x40 | 0x1_0000 | 0x10 | 0x8 | 0x400 | 0x2000_0000;
    expect((await only({ ...fileOf('f'), flags: 0x7fff_ffff })).entry.flags).toBe(known);
    expect((await only({ ...fileOf('f'), flags: 0x8_0000 })).entry.flags).toBeUndefined();
  });

  test('extended attributes keep their order, and who packs may choose', async () => {
    const xattrs = new Map(
      ['user.z', 'security.selinux', 'trusted.a', 'security.NTACL'].map((name) => [name, Buffer.from(name)]),
    );
    const all = await only({ ...fileOf('f'), xattrs });
    expect([...all.entry.xattrs!.keys()]).toEqual([...xattrs.keys()]);
    const { entries } = await packed([ROOT, { ...fileOf('f'), xattrs }], { keepsXattr: isKeptByProxmox });
    expect([...entries[1]!.xattrs!.keys()]).toEqual(['user.z', 'trusted.a', 'security.NTACL']);
  });

  test.each<[string, Partial<FileEntry>, string]>([
    ['an owner above 32 bits', { uid: 2 ** 32 }, 'PXAR_OWNER'],
    ['a negative group', { gid: -1 }, 'PXAR_OWNER'],
    ['a time above 64 bits', { mtime: 2n ** 63n * 1_000_000_000n }, 'PXAR_MTIME'],
    ['a quota project above 32 bits', { quotaProject: 2 ** 32 }, 'PXAR_QUOTA_PROJECT'],
    ['permissions above 7', { acl: [...fixed, { ...user, permissions: 8 }, mask] }, 'PXAR_ACL'],
    ['a mask above 7', { acl: [...fixed, { ...mask, permissions: 9 }] }, 'PXAR_ACL'],
    ['a user above 32 bits', { acl: [...fixed, { ...user, id: 2 ** 32 }, mask] }, 'PXAR_ACL'],
    ['an attribute without a name', { xattrs: new Map([['', Buffer.alloc(1)]]) }, 'PXAR_XATTR'],
    [
      'an attribute with a NUL in its name',
      { xattrs: new Map([['user.\0', Buffer.alloc(1)]]) },
      'PXAR_XATTR',
    ],
    ['an attribute that is too large', { xattrs: new Map([['user.a', Buffer.alloc(65791)]]) }, 'PXAR_LIMIT'],
    ['capabilities that are too large', { fcaps: Buffer.alloc(65792) }, 'PXAR_LIMIT'],
    ['a name that is too long', { path: 'n'.repeat(4097) }, 'PXAR_LIMIT'],
    ['a symlink to nowhere', { type: 'symlink', linkTarget: '' }, 'PXAR_LINK_TARGET'],
    ['a symlink with a NUL', { type: 'symlink', linkTarget: 'a\0b' }, 'PXAR_LINK_TARGET'],
    ['a symlink that is too long', { type: 'symlink', linkTarget: 'n'.repeat(4097) }, 'PXAR_LIMIT'],
    ['a device without numbers', { type: 'block' }, 'PXAR_DEVICE'],
    ['a device above 32 bits', { type: 'char', device: { major: 2 ** 32, minor: 1 } }, 'PXAR_DEVICE'],
  ])('%s is refused', async (_, entry, code) => {
    await expect(pack([ROOT, { ...fileOf('f'), ...entry }])).rejects.toMatchObject({ code });
  });
});

describe('what was excluded', () => {
  const excludePatterns = ['*.tmp', '/über/\udcff', 'say "hi"\t'];

  test('is noted in a file at the end of the root', async () => {
    const { entries, warnings } = await packed(
      [
        ROOT,
        fileOf('.pxarexclude-cli', 'of an earlier time'),
        directoryOf('z'),
        fileOf('z/.pxarexclude-cli'),
      ],
      { excludePatterns },
    );
    expect(entries.map(({ path }) => path)).toEqual(['', 'z', 'z/.pxarexclude-cli', '.pxarexclude-cli']);
    expect(entries[3]).toMatchObject({ mode: 0o600, uid: 0, mtime: 0n });
    expect(Buffer.from(entries[3]!.content as Uint8Array).toString('latin1')).toBe(
      '*.tmp\n/\u00c3\u00bcber/\u00ff\nsay "hi"\t\n',
    );
    expect(warnings).toEqual([{ code: 'PXAR_LEFT_OUT', entry: '.pxarexclude-cli' }]);
  });

  test('belongs to who packs, if that is told', async () => {
    const { entries } = await packed([ROOT], { excludePatterns, excludesOwner: { uid: 7, gid: 8 } });
    expect(entries[1]).toMatchObject({ path: '.pxarexclude-cli', uid: 7, gid: 8 });
  });

  test('may be many patterns', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `/some/pattern-${index}`);
    const { entries } = await packed([ROOT], { excludePatterns: many });
    const { content } = entries[1]!;
    expect(Buffer.from(content as Uint8Array).toString()).toBe(`${many.join('\n')}\n`);
  });

  test('is nothing where there are no patterns', async () => {
    expect((await packed([ROOT], { excludePatterns: [] })).entries).toHaveLength(1);
    const { archive } = await pack([ROOT], { excludePatterns: [], split: true });
    expect(archive.length).toBe(120); // as vector v2-empty
  });

  test('is the prelude of a split archive, in JSON', async () => {
    const { archive, payload } = await pack([ROOT], { excludePatterns: ['*.tmp', 'a "b"'], split: true });
    let prelude: Uint8Array | undefined;
    await verifyPxar(inOnePiece(archive), {
      payload: inOnePiece(payload!),
      onHeader: (header) => {
        prelude = header.prelude;
      },
    });
    expect(Buffer.from(prelude!).toString()).toBe('{"exclude-patterns":"*.tmp\\na \\"b\\"\\n"}');
  });

  test('a prelude is for split archives, and has a limit', async () => {
    await expect(pack([ROOT], { prelude: Buffer.alloc(1) })).rejects.toThrow(TypeError);
    const packing = pack([ROOT], { prelude: Buffer.alloc(16 * 2 ** 20 + 1), split: true });
    await expect(packing).rejects.toMatchObject({ code: 'PXAR_LIMIT' });
    const most = await pack([ROOT], { prelude: Buffer.alloc(16 * 2 ** 20), split: true });
    await verifyPxar(inOnePiece(most.archive), { payload: inOnePiece(most.payload!) });
  });
});

test('an aborted signal ends it', async () => {
  const controller = new AbortController();
  async function* entries(): AsyncGenerator<FileEntry> {
    yield ROOT;
    controller.abort(new Error('enough'));
    yield fileOf('a');
  }
  await expect(collect(packPxar(entries(), { signal: controller.signal }))).rejects.toThrow('enough');
});

test('a sink that fails ends it', async () => {
  const payload = async () => {
    throw new Error('ENOSPC');
  };
  await expect(collect(packPxar([ROOT, fileOf('a', 'b')], { payload }))).rejects.toThrow('ENOSPC');
});

import type { FileEntry } from '@vzdump-format/file-tree';
import { noise } from '@vzdump-format/testing';
import fc from 'fast-check';

const SECOND = 1_000_000_000n;

/** Names of any bytes but those that make no name. */
const component = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 12 }),
    fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }),
    fc.constantFrom(
      'n'.repeat(99),
      'n'.repeat(100),
      'n'.repeat(101),
      '\udcff\udc80',
      'é',
      ' ',
      '\n',
      '...',
      '=',
      '-',
    ),
  )
  .map((name) => name.replace(/[/\0]/g, '_'))
  .filter((name) => name !== '' && name !== '.' && name !== '..');

const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((components) => components.join('/'));

const time = fc.oneof(
  fc.bigInt({ min: -(2n ** 40n) * SECOND, max: 2n ** 40n * SECOND }),
  fc.integer({ min: -10, max: 2_000_000_000 }).map((seconds) => BigInt(seconds) * SECOND),
  fc.constantFrom(
    0n,
    -1n,
    1n,
    -SECOND,
    0o77777777777n * SECOND,
    0o100000000000n * SECOND,
    500_000_000n,
    -500_000_000n,
  ),
);

const id = fc.oneof(fc.nat(70_000), fc.constantFrom(0, 0o7777777, 0o10000000, 0xffffffff));

const value = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(noise(70_000), new Uint8Array(0)));

const xattrs = fc
  .array(
    fc.tuple(
      fc.string({ minLength: 1, maxLength: 10 }).map((name) => `user.${name.replaceAll('\0', '_')}`),
      value,
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((pairs) => new Map(pairs));

const permissions = fc.nat(7);
const acl = fc.record({ user: fc.nat(100_000), group: fc.nat(100_000), permissions }).map((made) => [
  { tag: 'user-object' as const, permissions: made.permissions },
  { tag: 'user' as const, id: made.user, permissions: made.permissions },
  { tag: 'group-object' as const, permissions: 0 },
  { tag: 'group' as const, id: made.group, permissions: made.permissions },
  { tag: 'mask' as const, permissions: 7 },
  { tag: 'other' as const, permissions: made.permissions },
]);

const metadata = fc.record(
  {
    path,
    mode: fc.nat(0o7777),
    uid: id,
    gid: id,
    mtime: time,
    xattrs,
    acl,
    defaultAcl: acl,
    fcaps: fc.uint8Array({ minLength: 1, maxLength: 24 }),
  },
  { requiredKeys: ['path', 'mode', 'uid', 'gid', 'mtime'] },
);

/** A sparse file's extents in whole blocks, but for the last, as file systems have them. */
const extents = fc
  .record({
    gaps: fc.array(
      fc.record({ hole: fc.integer({ min: 1, max: 20 }), data: fc.integer({ min: 1, max: 4 }) }),
      { maxLength: 30 },
    ),
    startsWithData: fc.boolean(),
    tail: fc.nat(511),
    hole: fc.nat(10_000),
  })
  .map(({ gaps, startsWithData, tail, hole }) => {
    let at = 0;
    const made = gaps.map((gap, index) => {
      const offset = at + (index === 0 && startsWithData ? 0 : gap.hole * 512);
      const length = gap.data * 512 + (index === gaps.length - 1 ? tail : 0);
      at = offset + length;
      return { offset, length };
    });
    return { extents: made, size: at + hole };
  })
  .filter(({ extents: made, size }) => size > 0 && !(made.length === 1 && made[0]!.length === size));

const content = fc
  .record({
    length: fc.oneof(fc.nat(2000), fc.constantFrom(0, 511, 512, 513, 65_536, 300_000)),
    seed: fc.nat(1000),
    isWhole: fc.boolean(),
  })
  .map(({ length, seed, isWhole }) => ({ bytes: noise(length, seed), isWhole }));

const device = fc.record({ major: fc.nat(0o7777777), minor: fc.nat(0o7777777) });

/** Any entry that a tar archive can hold. Content is bytes. */
export const anyEntry: fc.Arbitrary<FileEntry> = fc
  .tuple(
    metadata,
    fc.oneof(
      content.map(({ bytes }) => ({ type: 'file' as const, size: bytes.length, content: bytes })),
      extents.map((sparse) => {
        const length = sparse.extents.reduce((sum, extent) => sum + extent.length, 0);
        return { type: 'file' as const, ...sparse, content: noise(length) };
      }),
      fc.constantFrom({ type: 'directory' as const, size: 0 }, { type: 'fifo' as const, size: 0 }),
      fc.record({ type: fc.constantFrom('block' as const, 'char' as const), size: fc.constant(0), device }),
      path.map((linkTarget) => ({ type: 'hardlink' as const, size: 0, linkTarget })),
      fc
        .string({ minLength: 1, maxLength: 200, unit: 'binary' })
        .map((target) => ({ type: 'symlink' as const, size: 0, linkTarget: target.replaceAll('\0', '_') })),
    ),
  )
  .map(([shared, own]) => ({ ...shared, ...own, mode: shared.acl ? shared.mode | 0o070 : shared.mode })); // as the mask

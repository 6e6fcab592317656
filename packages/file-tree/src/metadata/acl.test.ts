import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testInDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Acl, AclEntry } from '../entry/entry.js';
import { readXattr, runTool, writeXattr } from '../testing/tools.js';
import { ACCESS_ACL, DEFAULT_ACL, decodeAcl, encodeAcl } from './acl.js';

const FULL: Acl = [
  { tag: 'user-object', permissions: 7 },
  { tag: 'user', id: 0, permissions: 4 },
  { tag: 'user', id: 1000, permissions: 6 },
  { tag: 'user', id: 4_294_967_294, permissions: 0 },
  { tag: 'group-object', permissions: 5 },
  { tag: 'group', id: 70_000, permissions: 1 },
  { tag: 'mask', permissions: 7 },
  { tag: 'other', permissions: 0 },
];
const SETFACL = 'u::rwx,u:0:r,u:1000:rw,u:4294967294:-,g::rx,g:70000:x,m::rwx,o::-';

describe('in the kernel', () => {
  testInDirectory(['root', 'setfacl', 'getfattr'], 'what setfacl set is read', (directory) => {
    runTool('setfacl', ['--set', SETFACL, directory]);
    runTool('setfacl', ['--default', '--set', 'u::rw,g::r,o::-', directory]);
    expect(decodeAcl(readXattr(directory, ACCESS_ACL))).toEqual(FULL);
    expect(decodeAcl(readXattr(directory, DEFAULT_ACL))).toEqual([
      { tag: 'user-object', permissions: 6 },
      { tag: 'group-object', permissions: 4 },
      { tag: 'other', permissions: 0 },
    ]);
  });

  testInDirectory(['root', 'getfacl', 'setfattr'], 'what is written is what getfacl shows', (directory) => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    writeXattr(file, ACCESS_ACL, encodeAcl(FULL.toReversed()));
    expect(readXattr(file, ACCESS_ACL)).toEqual(encodeAcl(FULL));
    expect(
      runTool('getfacl', ['--omit-header', '--numeric', '--absolute-names', file]).trim().split('\n'),
    ).toEqual([
      'user::rwx',
      'user:0:r--',
      'user:1000:rw-',
      'user:4294967294:---',
      'group::r-x',
      'group:70000:--x',
      'mask::rwx',
      'other::---',
    ]);
  });
});

test('any ACL comes back sorted', () => {
  const permissions = fc.integer({ min: 0, max: 7 });
  const named = fc.uniqueArray(fc.integer({ min: 0, max: 0xffff_fffe }), { maxLength: 9 });
  fc.assert(
    fc.property(named, named, permissions, (users, groups, granted) => {
      const entries = (tag: AclEntry['tag'], ids: readonly number[]): AclEntry[] =>
        ids.toSorted((a, b) => a - b).map((id) => ({ tag, id, permissions: granted }));
      const acl: Acl = [
        { tag: 'user-object', permissions: 7 },
        ...entries('user', users),
        { tag: 'group-object', permissions: 5 },
        ...entries('group', groups),
        { tag: 'mask', permissions: granted },
        { tag: 'other', permissions: 1 },
      ];
      expect(decodeAcl(encodeAcl(acl.toReversed()))).toEqual(acl);
    }),
  );
});

describe('a value that the kernel would not give', () => {
  const header = '02000000';
  test.each([
    ['', 'an access control list cannot take 0 bytes'],
    ['020000', 'an access control list cannot take 3 bytes'],
    [`${header}01000600ffffff`, 'an access control list cannot take 11 bytes'],
    [header + '01000600ffffffff'.repeat(8192), 'an access control list cannot take 65540 bytes'],
    ['0100000001000600ffffffff', 'an access control list of unknown version 1'],
    [`${header}03000600ffffffff`, 'an access control list with an entry that has no meaning'],
    [`${header}00000600ffffffff`, 'an access control list with an entry that has no meaning'],
    [`${header}01000800ffffffff`, 'an access control list with an entry that has no meaning'],
  ])('%#', (hex, message) => {
    expect(() => decodeAcl(Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 'ACL_VALUE', message }),
    );
  });

  test('of random bytes nothing worse comes than this error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeAcl(Uint8Array.of(2, 0, 0, 0, ...bytes));
        } catch (error) {
          expect(error).toHaveProperty('code', 'ACL_VALUE');
        }
      }),
    );
  });
});

test('a value in the middle of a buffer', () => {
  const value = encodeAcl(FULL);
  const buffer = Buffer.concat([Buffer.alloc(3, 0xff), value, Buffer.alloc(5, 0xff)]);
  expect(decodeAcl(new Uint8Array(buffer.buffer, buffer.byteOffset + 3, value.length))).toEqual(FULL);
});

describe('a list that the kernel would refuse', () => {
  const base: AclEntry[] = FULL.filter(({ tag }) => tag.endsWith('object') || tag === 'other');
  const mask: AclEntry = { tag: 'mask', permissions: 7 };
  const without = (tag: AclEntry['tag']) => FULL.filter((entry) => entry.tag !== tag);
  test.each<[string, Acl]>([
    ['it has no user-object entry', without('user-object')],
    ['it has no group-object entry', without('group-object')],
    ['it has no other entry', without('other')],
    ['it has no mask', without('mask')],
    ['it has two entries for one other', [...base, { tag: 'other', permissions: 7 }]],
    [
      'it has two entries for one user',
      [...base, mask, { tag: 'user', id: 7, permissions: 7 }, { tag: 'user', id: 7, permissions: 0 }],
    ],
    ['its entry for a group has no id', [...base, mask, { tag: 'group', name: 'staff', permissions: 7 }]],
    ['its entry for a user has no id', [...base, mask, { tag: 'user', id: 2 ** 32 - 1, permissions: 7 }]],
    ['its entry for a user has no id', [...base, mask, { tag: 'user', id: -1, permissions: 7 }]],
    ['its entry for a user has no id', [...base, mask, { tag: 'user', id: 1.5, permissions: 7 }]],
    ['it grants what is no permission', [...base, { tag: 'mask', permissions: 8 }]],
    [
      'it has more than 8191 entries',
      [
        ...base,
        mask,
        ...Array.from({ length: 8188 }, (_, id): AclEntry => ({ tag: 'user', id, permissions: 7 })),
      ],
    ],
  ])('%s', (why, acl) => {
    expect(() => encodeAcl(acl)).toThrow(
      expect.objectContaining({
        code: 'ACL_ENTRIES',
        message: `an access control list cannot be set: ${why}`,
      }),
    );
  });

  testInDirectory(['root', 'setfattr'], 'the kernel does refuse those without a mask', (directory) => {
    // the same bytes with and without the mask's entry
    const whole = encodeAcl(FULL);
    const at = whole.length - 16;
    const maskless = Buffer.concat([whole.subarray(0, at), whole.subarray(at + 8)]);
    writeXattr(directory, ACCESS_ACL, whole);
    expect(() => writeXattr(directory, ACCESS_ACL, maskless)).toThrow('Invalid argument');
  });
});

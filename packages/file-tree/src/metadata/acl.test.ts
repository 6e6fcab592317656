import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testInDirectory, withDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Acl, AclEntry } from '../entry/entry.js';
import { readXattr, runTool, writeXattr } from '../testing/tools.js';
import {
  ACCESS_ACL,
  DEFAULT_ACL,
  decodeAcl,
  encodeAcl,
  formatAclText,
  parseAclText,
  readAccounts,
  resolveAclNames,
} from './acl.js';

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

const FULL_TEXT: Acl = [
  { tag: 'user-object', permissions: 7 },
  { tag: 'user', id: 1000, permissions: 5 },
  { tag: 'user', id: 4_294_967_294, permissions: 0 },
  { tag: 'group-object', permissions: 5 },
  { tag: 'group', id: 70_000, permissions: 1 },
  { tag: 'mask', permissions: 7 },
  { tag: 'other', permissions: 4 },
];
const TEXT =
  'user::rwx\nuser:1000:r-x\nuser:4294967294:---\ngroup::r-x\ngroup:70000:--x\nmask::rwx\nother::r--\n';

test('both ways', () => {
  expect(formatAclText(FULL_TEXT)).toBe(TEXT);
  expect(parseAclText(TEXT)).toEqual(FULL_TEXT);
});

describe('other ways to write the same', () => {
  test.each([
    TEXT.trimEnd(),
    TEXT.replaceAll('\n', ','),
    TEXT.replaceAll('\n', ' \r\n\t'),
    TEXT.replaceAll('user', 'u').replaceAll('group', 'g').replace('mask', 'm').replace('other', 'o'),
    TEXT.replace('mask::', 'mask:').replace('other::', 'other:'),
    TEXT.replaceAll(/^/gm, 'default:').replace(/default:$/, ''),
    TEXT.replace('user:1000:r-x', 'user:alice:r-x:1000')
      .replace('group:70000:', 'group:70000:')
      .replace('rwx', 'xwr'),
    `# file: a\n# owner: root\n${TEXT.replace('user:1000:r-x', 'user:1000:r-x\t\t#effective:r--')}`,
    TEXT.replace('user:1000:r-x', 'user:01000:rx'),
  ])('%j', (text) => {
    expect(parseAclText(text)).toEqual(FULL_TEXT);
  });
});

test('a name stays one until it is looked up', () => {
  const acl = parseAclText('user:alice:rw-\ngroup:alice:r--\nuser:nobody-at-all:---');
  expect(acl).toEqual([
    { tag: 'user', name: 'alice', permissions: 6 },
    { tag: 'group', name: 'alice', permissions: 4 },
    { tag: 'user', name: 'nobody-at-all', permissions: 0 },
  ]);
  const ids = new Map([
    ['user', 1000],
    ['group', 1001],
  ]);
  const idOf = (kind: string, name: string) => (name === 'alice' ? ids.get(kind) : undefined);
  expect(resolveAclNames(acl, { idOf })).toEqual([
    { tag: 'user', id: 1000, permissions: 6 },
    { tag: 'group', id: 1001, permissions: 4 },
    { tag: 'user', name: 'nobody-at-all', permissions: 0 },
  ]);
});

test('a name with what would end it', () => {
  const acl: Acl = [{ tag: 'user', name: 'DOMAIN\\a b:c,d#e\tf', permissions: 6 }];
  const text = formatAclText(acl);
  expect(text).toBe('user:DOMAIN\\134a\\040b\\072c\\054d\\043e\\011f:rw-\n');
  expect(parseAclText(text)).toEqual(acl);
});

describe('what is no ACL', () => {
  test.each([
    ['user', 'it does not have the fields of one'],
    ['user:', 'it does not have the fields of one'],
    ['user::', 'its permissions are none'],
    ['user::rwz', 'its permissions are none'],
    ['user::rr', 'its permissions are none'],
    ['user::----', 'its permissions are none'],
    ['user::7', 'its permissions are none'],
    ['owner::rwx', 'it is for neither user, group, mask nor other'],
    ['default', 'it is for neither user, group, mask nor other'],
    ['default:default:user::rwx', 'it is for neither user, group, mask nor other'],
    ['user:1:rwx:1:1', 'it does not have the fields of one'],
    ['user:a:rwx:b', 'its id is out of range'],
    ['user:a:rwx:', 'its id is out of range'],
    ['user::rwx:5', 'the owner has no id there'],
    ['user:4294967295:rwx', 'its id is out of range'],
    ['user:99999999999999999999:rwx', 'its id is out of range'],
    ['mask:1000:rwx', 'it does not have the fields of one'],
    ['mask', 'it does not have the fields of one'],
    ['other:::rwx', 'it does not have the fields of one'],
    ['toString::rwx', 'it is for neither user, group, mask nor other'],
    ['user::r\0x', 'its permissions are none'],
  ])('%j: %s', (text, why) => {
    expect(() => parseAclText(`user::rwx,${text}`)).toThrow(
      expect.objectContaining({ code: 'ACL_TEXT', message: expect.stringMatching(`: ${why}$`) }),
    );
  });

  test('more entries than an attribute can hold', () => {
    const entries = (count: number) => 'u:1:rwx,'.repeat(count);
    expect(parseAclText(entries(8191))).toHaveLength(8191);
    expect(() => parseAclText(entries(8192))).toThrow('more than 8191 entries');
  });

  test('of random text nothing worse comes than this error', () => {
    const piece = fc.constantFrom(
      'user',
      'group',
      'mask',
      'other',
      ':',
      '::',
      ',',
      '\n',
      'rwx',
      '-',
      '1',
      '\\040',
      '#',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          parseAclText(pieces.join(''));
        } catch (error) {
          expect(error).toHaveProperty('code', 'ACL_TEXT');
        }
      }),
    );
  });
});

testInDirectory(
  ['root', 'setfacl', 'getfacl', 'tar'],
  'what GNU tar and getfacl write is what the kernel has',
  (directory) => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    runTool('setfacl', ['--modify', 'u:root:rwx,u:70000:-,g:daemon:rx', file]);
    const kernel = decodeAcl(readXattr(file, ACCESS_ACL));
    const shown = runTool('getfacl', ['--absolute-names', file]);
    expect(shown).toContain('user:root:rwx');
    expect(resolveAclNames(parseAclText(shown), readAccounts())).toEqual(kernel);

    const archive = join(directory, 'a.tar');
    runTool('tar', ['--acls', '--format=pax', '-C', directory, '-cf', archive, 'file']);
    const records = readFileSync(archive, 'latin1');
    const { index, 1: length } = /(\d+) SCHILY\.acl\.access=/.exec(records)!;
    const record = records.slice(index, index + Number(length)).replace(/^.*?=/, '');
    expect(record).toContain('group:daemon:r-x');
    expect(resolveAclNames(parseAclText(record), readAccounts())).toEqual(kernel);
  },
);

testInDirectory(['root', 'setfacl', 'getfattr'], 'setfacl takes what is written', (directory) => {
  runTool('setfacl', ['--set-file=-', directory], formatAclText(FULL_TEXT));
  expect(decodeAcl(readXattr(directory, ACCESS_ACL))).toEqual(FULL_TEXT);
});

test('accounts are read from a system below a directory', async () => {
  await withDirectory((root) => {
    mkdirSync(join(root, 'etc'));
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001::/:\n\nbad\nworse:x:abc:0\nalice:x:2000:1::/:\n',
    );
    const accounts = readAccounts(root);
    expect(accounts.idOf('user', 'root')).toBe(0);
    expect(accounts.idOf('user', 'alice')).toBe(1000);
    expect(accounts.idOf('user', 'bad')).toBeUndefined();
    expect(accounts.idOf('user', 'worse')).toBeUndefined();
    expect(accounts.idOf('group', 'root')).toBeUndefined();
  });
});

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testInDirectory, withDirectory } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Acl } from '../entry/entry.js';
import { readXattr, runTool } from '../testing/tools.js';
import { readAccounts, resolveAclNames } from './accounts.js';
import { ACCESS_ACL, decodeAcl } from './acl.js';
import { formatAclText, parseAclText } from './acl-text.js';

const FULL: Acl = [
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
  expect(formatAclText(FULL)).toBe(TEXT);
  expect(parseAclText(TEXT)).toEqual(FULL);
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
    expect(parseAclText(text)).toEqual(FULL);
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
  runTool('setfacl', ['--set-file=-', directory], formatAclText(FULL));
  expect(decodeAcl(readXattr(directory, ACCESS_ACL))).toEqual(FULL);
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

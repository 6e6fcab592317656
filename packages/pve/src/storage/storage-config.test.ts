import type { ArchiveWarning } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import {
  contentDirectory,
  type DirectoryStorage,
  parseStorageConfig,
  requireBackupStorage,
  requireStorage,
} from './storage-config.js';

const TEXT = `dir: local
	path /var/lib/vz/
	content iso,vztmpl backup
	prune-backups keep-last=3,keep-daily=7
	max-protected-backups 5
	bwlimit default=100,restore=50

nfs: share
	export /x
	server nas
	content backup
	content-dirs backup=custom//dump/,iso=/isos
	nodes one,two

cifs: windows
	path /mnt/win
	server nas
	disable 0

btrfs: butter
	path /butter
	is_mountpoint 1

lvm: vg
	vgname pve
	content images

lvmthin: thin
	vgname pve
	thinpool data
	disable

zfspool: tank
	pool tank/guests

zfspool: elsewhere
	pool rpool/data
	mountpoint /rpool/mounted

rbd: ceph
	pool rbd
	content images,backup
`;

function parse(text: string) {
  const warnings: ArchiveWarning[] = [];
  const storages = parseStorageConfig(text, { onWarning: (warning) => warnings.push(warning) });
  return { storages, warnings };
}

describe('parseStorageConfig', () => {
  const { storages, warnings } = parse(TEXT);

  test('reads each type', () => {
    expect(warnings).toEqual([]);
    expect([...storages.values()].map(({ id, type, kind }) => [id, type, kind])).toEqual([
      ['local', 'dir', 'directory'],
      ['share', 'nfs', 'directory'],
      ['windows', 'cifs', 'directory'],
      ['butter', 'btrfs', 'directory'],
      ['vg', 'lvm', 'lvm'],
      ['thin', 'lvmthin', 'lvm'],
      ['tank', 'zfspool', 'zfs'],
      ['elsewhere', 'zfspool', 'zfs'],
      ['ceph', 'rbd', 'unsupported'],
    ]);
    expect(storages.get('local')).toMatchObject({ path: '/var/lib/vz', btrfs: false });
    expect(storages.get('share')).toMatchObject({ path: '/mnt/pve/share' });
    expect(storages.get('windows')).toMatchObject({ path: '/mnt/win' });
    expect(storages.get('butter')).toMatchObject({ btrfs: true });
    expect(storages.get('vg')).toMatchObject({ volumeGroup: 'pve', thinPool: undefined });
    expect(storages.get('thin')).toMatchObject({ volumeGroup: 'pve', thinPool: 'data' });
    expect(storages.get('tank')).toMatchObject({ pool: 'tank/guests', mountPoint: '/tank/guests' });
    expect(storages.get('elsewhere')).toMatchObject({ mountPoint: '/rpool/mounted' });
  });

  test('reads what they have in common', () => {
    const local = storages.get('local')!;
    expect([...local.content]).toEqual(['iso', 'vztmpl', 'backup']);
    expect(local.retention).toEqual({ last: 3, daily: 7 });
    expect(local.maxProtectedBackups).toBe(5);
    expect(local.bandwidthLimits?.get('restore')).toBe(50);
    expect(local.nodes).toBeUndefined();
    expect([...(storages.get('share')?.nodes ?? [])]).toEqual(['one', 'two']);
    expect([...storages.values()].filter(({ disabled }) => disabled).map(({ id }) => id)).toEqual(['thin']);
    expect([...storages.get('tank')!.content]).toEqual(['images', 'rootdir']);
    expect([...storages.get('windows')!.content]).toEqual(['images']);
    expect(storages.get('ceph')!.properties.get('pool')).toBe('rbd');
  });

  test('knows where contents are', () => {
    const directory = (id: string, content: string) =>
      contentDirectory(storages.get(id) as DirectoryStorage, content);
    expect(directory('local', 'backup')).toBe('/var/lib/vz/dump');
    expect(directory('local', 'images')).toBe('/var/lib/vz/images');
    expect(directory('share', 'backup')).toBe('/mnt/pve/share/custom/dump');
    expect(directory('share', 'iso')).toBe('/mnt/pve/share/isos');
    expect(directory('share', 'vztmpl')).toBe('/mnt/pve/share/template/cache');
    const root = parse('dir: root\n\tpath ///\n').storages.get('root') as DirectoryStorage;
    expect(contentDirectory(root, 'backup')).toBe('/dump');
  });

  test.each([
    ['dir', '', undefined],
    ['dir', 'is_mountpoint 0', undefined],
    ['dir', 'is_mountpoint No', undefined],
    ['dir', 'is_mountpoint 1', '/a/b'],
    ['dir', 'is_mountpoint YES', '/a/b'],
    ['dir', 'is_mountpoint', '/a/b'],
    ['dir', 'is_mountpoint /a/', '/a'],
    ['btrfs', 'is_mountpoint /a', '/a'],
    ['btrfs', '', undefined],
    ['nfs', '', '/a/b'],
    ['cifs', 'is_mountpoint 0', '/a/b'],
  ])('%s with %j has to be mounted at %s', (type, line, mountedAt) => {
    const { storages, warnings } = parse(`${type}: a1\n\tpath /a/b\n\t${line}\n`);
    expect(storages.get('a1')).toMatchObject({ mountedAt });
    expect(warnings).toEqual([]);
  });

  test('local is there in any case', () => {
    expect(parse('').storages.get('local')).toMatchObject({ kind: 'directory', path: '/var/lib/vz' });
    expect(requireBackupStorage(parse('dir: x\n\tpath /x\n').storages, 'local').path).toBe('/var/lib/vz');
    expect(parse('dir: local\n\tpath /elsewhere\n').storages.get('local')).toMatchObject({
      path: '/elsewhere',
    });
  });

  test.each([
    ['dir: a1\n', "storage 'a1' is left out: it has no path"],
    ['dir: a1\n\tpath\n', "storage 'a1' is left out: '' is not an absolute path"],
    ['dir: a1\n\tpath x/y\n', "storage 'a1' is left out: 'x/y' is not an absolute path"],
    ['dir: a1\n\tpath /x\n\tis_mountpoint x\n', "storage 'a1' is left out: 'x' is not an absolute path"],
    ['dir: a1\n\tpath /x\0\n', "storage 'a1' is left out: '/x\\x00' is not an absolute path"],
    [
      'dir: a1\n\tpath /x\n\tcontent-dirs backup=../y\n',
      "storage 'a1' is left out: '..' cannot be a name: it names a directory itself",
    ],
    ['dir: a1\n\tpath /x\n\tcontent-dirs backup=/\n', "storage 'a1' is left out: '/' is not a path"],
    [
      'dir: a1\n\tpath /x\n\tcontent-dirs x\n',
      "storage 'a1' is left out: value without key, but schema does not define a default key",
    ],
    ['lvm: a1\n\tvgname a/b\n', "storage 'a1' is left out: 'a/b' cannot be a name: it holds a slash"],
    ['lvm: a1\n', "storage 'a1' is left out: it has no vgname"],
    ['lvmthin: a1\n\tvgname a\n', "storage 'a1' is left out: it has no thinpool"],
    [
      'zfspool: a1\n\tpool a/../b\n',
      "storage 'a1' is left out: '..' cannot be a name: it names a directory itself",
    ],
    ['dir: ../x\n\tpath /x\n', "storage '../x' is left out: that cannot be the id of a storage"],
    ['dir: a1\n\tpath /x\n\nnfs: a1\n', "storage 'a1' is left out: there is one of that id already"],
  ])('%j', (text, message) => {
    expect(parse(text).warnings).toMatchObject([{ code: 'STORAGE_SECTION', message }]);
  });

  test.each([
    ['maxfiles 3', { last: 3 }],
    ['maxfiles 0', { last: 0 }],
    ['maxfiles 3\n\tprune-backups keep-daily=2', { daily: 2 }],
  ])('%j is what is kept', (line, retention) => {
    const { storages, warnings } = parse(`dir: a1\n\tpath /x\n\t${line}\n`);
    expect([storages.get('a1')?.retention, warnings]).toEqual([retention, []]);
  });

  test.each([
    ['prune-backups keep=1', 'prune-backups'],
    ['maxfiles -1', 'maxfiles'],
    ['prune-backups keep-all=1,keep-last=1', 'prune-backups'],
    ['bwlimit fast=1', 'bwlimit'],
    ['max-protected-backups many', 'max-protected-backups'],
    ['max-protected-backups -2', 'max-protected-backups'],
  ])('%s does not count, and the storage stays', (line, key) => {
    const result = parse(`dir: a1\n\tpath /x\n\t${line}\n`);
    expect(result.warnings).toHaveLength(1);
    expect(result.warnings[0]).toMatchObject({ code: 'STORAGE_VALUE', entry: 'a1' });
    expect(result.warnings[0]?.message).toMatch(new RegExp(`^${key} of storage 'a1' does not count: `));
    expect(result.storages.get('a1')).toMatchObject({
      retention: undefined,
      bandwidthLimits: undefined,
      maxProtectedBackups: undefined,
    });
  });

  test('-1 is any number of protected backups', () => {
    expect(
      parse('dir: a1\n\tpath /x\n\tmax-protected-backups -1\n').storages.get('a1')?.maxProtectedBackups,
    ).toBe(-1);
  });
});

describe('requireStorage', () => {
  const { storages } = parse(TEXT);

  test.each([
    ['gone', undefined, 'STORAGE_UNKNOWN', "storage 'gone' does not exist"],
    ['constructor', undefined, 'STORAGE_UNKNOWN', "storage 'constructor' does not exist"],
    ['thin', undefined, 'STORAGE_DISABLED', "storage 'thin' is disabled"],
    ['share', 'three', 'STORAGE_DISABLED', "storage 'share' is not available on node 'three'"],
    ['ceph', undefined, 'STORAGE_TYPE', "storage 'ceph' is of the type rbd, which cannot be used here"],
  ])('%s on %s: %s', (id, node, code, message) => {
    expect(() => requireStorage(storages, id, node)).toThrow(expect.objectContaining({ code, message }));
  });

  test('gives what can be used', () => {
    expect(requireStorage(storages, 'vg').id).toBe('vg');
    expect(requireStorage(storages, 'local', 'three').id).toBe('local');
    const mounted = parse('dir: root\n\tpath /nonexistent\n\tis_mountpoint /\n').storages;
    expect(requireStorage(mounted, 'root').id).toBe('root');
  });

  test.each(['share', 'butter', 'windows'])('%s is refused while nothing is mounted there', (id) => {
    const { path } = storages.get(id) as DirectoryStorage;
    const message = `unable to activate storage '${id}' - directory is expected to be a mount point but is not mounted: '${path}'`;
    expect(() => requireStorage(storages, id)).toThrow(
      expect.objectContaining({ code: 'STORAGE_NOT_MOUNTED', message, entry: path }),
    );
  });
});

describe('requireBackupStorage', () => {
  const { storages } = parse(`${TEXT}\nlvm: odd\n\tvgname x\n\tcontent backup\n`);

  test.each([
    ['butter', 'STORAGE_CONTENT', "can't use storage 'butter' for backups - wrong content type"],
    ['odd', 'STORAGE_TYPE', "storage 'odd' keeps no files, so no backups"],
    ['ceph', 'STORAGE_TYPE', "storage 'ceph' is of the type rbd, which cannot be used here"],
  ])('%s: %s', (id, code, message) => {
    expect(() => requireBackupStorage(storages, id)).toThrow(expect.objectContaining({ code, message }));
  });

  test('gives one that backups may be kept on', () => {
    expect(requireBackupStorage(storages, 'local').id).toBe('local');
  });
});

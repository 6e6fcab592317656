import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { errorDocument, runCli, runCliForJson, runCliWell } from '../support/running-cli.js';

const VMS = ['10', '11', '12'].map((day) => `vzdump-qemu-100-2024_03_${day}-06_00_00.vma.zst`);
const CONTAINER = 'vzdump-lxc-101-2024_03_11-00_00_00.tar';

const STORAGES = `dir: local
	path DIR/local
	content backup,images

dir: archive
	path DIR/archive
	content backup
	content-dirs backup=weekly
	prune-backups keep-last=1
	max-protected-backups 2

dir: old
	path DIR/local
	content backup
	maxfiles 2

dir: usb
	path DIR/local
	content backup
	is_mountpoint 1
`;

/** Two directories of backups, and a configuration that has them as storages. */
async function makeStorages() {
  const directory = await scratch();
  const path = (name: string) => join(directory, name);
  for (const name of ['pve', 'local/dump', 'archive/weekly']) await mkdir(path(name), { recursive: true });
  await writeFile(path('pve/storage.cfg'), STORAGES.replaceAll('DIR', directory));
  for (const place of ['local/dump', 'archive/weekly']) {
    for (const name of [...VMS, CONTAINER]) await writeFile(path(`${place}/${name}`), name);
  }
  return {
    path,
    pveRoot: ['--pve-root', path('pve')] as const,
    names: async (place: string) => (await readdir(path(place))).sort(),
  };
}

test('backups lists those of a storage, by its id', async () => {
  const { path, pveRoot } = await makeStorages();
  const byId = await runCliForJson(['backups', 'archive', ...pveRoot]);
  const byPath = await runCliForJson(['backups', path('archive/weekly')]);
  expect(byId).toEqual({ ...(byPath as object), storage: 'archive' });
});

test('what is there by that name is a path', async () => {
  const { path, pveRoot } = await makeStorages();
  const listed = runCliForJson(['backups', 'archive', ...pveRoot], { cwd: path('.') });
  expect(await listed).toEqual({ directory: 'archive', backups: [] });
});

describe("prune keeps what the storage's rules keep, unless others are given", () => {
  test.each([
    ['archive', [], [VMS[2]]],
    ['archive', ['--keep-last', '2'], [VMS[1], VMS[2]]],
    ['old', [], [VMS[1], VMS[2]]],
  ])('%s %j', async (id, rules, kept) => {
    const { names, pveRoot } = await makeStorages();
    await runCliWell(['prune', id, ...rules, ...pveRoot]);
    expect(await names(id === 'old' ? 'local/dump' : 'archive/weekly')).toEqual([CONTAINER, ...kept]);
  });

  test('where it has none, nothing is removed', async () => {
    const { names, pveRoot } = await makeStorages();
    expect(await runCli(['prune', 'local', ...pveRoot])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('nothing says which backups to keep'),
    });
    expect(await names('local/dump')).toHaveLength(4);
  });
});

describe('protect', () => {
  const limited =
    "vzdump-format: The number of protected backups per guest is limited to 2 on storage 'archive'\n";

  test.each([
    ['a volume', (name: string) => `archive:backup/${name}`],
    ['a path', (name: string, path: (name: string) => string) => path(`archive/weekly/${name}`)],
    ['a path through a link', (name: string, path: (name: string) => string) => path(`link/${name}`)],
  ])('as many backups of a guest as the storage allows, named by %s', async (_kind, nameOf) => {
    const { path, pveRoot, names } = await makeStorages();
    await symlink('archive/weekly', path('link'));
    const protect = (name: string, ...more: string[]) =>
      runCli(['protect', nameOf(name, path), ...pveRoot, ...more]);
    const [one, two, three] = VMS as [string, string, string];
    for (const name of [one, two, two, CONTAINER]) expect(await protect(name)).toMatchObject({ status: 0 });
    expect(await protect(three)).toMatchObject({ status: 1, stderr: limited });
    expect(await names('archive/weekly')).not.toContain(`${three}.protected`);
    await protect(one, '--off');
    expect(await protect(three)).toMatchObject({ status: 0 });
  });

  test('any number, where no storage says otherwise', async () => {
    const { path, names, pveRoot } = await makeStorages();
    for (const name of VMS) await runCliWell(['protect', path(`local/dump/${name}`), ...pveRoot]);
    expect((await names('local/dump')).filter((name) => name.endsWith('.protected'))).toHaveLength(3);
  });
});

test('notes are those of a volume', async () => {
  const { names, pveRoot } = await makeStorages();
  const volume = `archive:backup/${CONTAINER}`;
  await runCliWell(['notes', volume, 'before the upgrade', ...pveRoot]);
  expect((await runCliWell(['notes', volume, ...pveRoot])).toString()).toBe('before the upgrade');
  expect(await names('archive/weekly')).toContain(`${CONTAINER}.notes`);
});

describe('verify', () => {
  async function withArchives() {
    const storages = await makeStorages();
    await mkdir(storages.path('tree'));
    const pack = (place: string, vmid: number) => {
      const archive = storages.path(`${place}/vzdump-lxc-${vmid}-2024_03_11-00_00_00.tar`);
      return runCliWell(['pack', archive, '--root', storages.path('tree'), '--force']);
    };
    for (const name of VMS) await writeFile(storages.path(`local/dump/not-${name}`), '');
    await Promise.all([pack('archive/weekly', 101), pack('archive/weekly', 102)]);
    return storages;
  }

  test.each([
    ['a directory', ['archive/weekly/']],
    ['a storage', ['archive']],
  ])('of %s: all backups that are there, each by itself', async (_kind, args) => {
    const { path, pveRoot } = await withArchives();
    const cwd = path(args[0] === 'archive' ? 'pve' : '.');
    const result = await runCli(['verify', ...args, ...pveRoot, '--json'], { cwd });
    const { archives } = JSON.parse(result.stdout.toString()) as {
      archives: { path: string; ok: boolean }[];
    };
    expect(archives.map((archive) => [basename(archive.path), archive.ok])).toEqual([
      ...VMS.map((name) => [name, false]),
      [CONTAINER, true],
      [CONTAINER.replace('101', '102'), true],
    ]);
    expect(result.status).toBe(1);
  });

  test('of a volume', async () => {
    const { path, pveRoot } = await withArchives();
    const stdout = (await runCliWell(['verify', `archive:backup/${CONTAINER}`, ...pveRoot])).toString();
    expect(stdout).toMatch(`${path(`archive/weekly/${CONTAINER}`)}: ok (tar, none, `);
    expect(await runCli(['verify', `archive:backup/${CONTAINER}`, ...pveRoot, '--quiet'])).toMatchObject({
      ...{ status: 0, stderr: '' },
      stdout: Buffer.alloc(0),
    });
  });

  test('of a place without backups is a warning', async () => {
    const { path } = await makeStorages();
    const { status, stderr } = await runCli(['verify', path('pve')]);
    expect([status, stderr]).toEqual([
      3,
      `vzdump-format: warning: nothing is verified: there are no backups in ${path('pve')}\n`,
    ]);
  });
});

describe('a storage that cannot be used is refused', () => {
  test.each([
    ['backups', 'usb'],
    ['prune', 'usb', '--keep-last', '1'],
    ['verify', 'usb'],
    ['verify', `usb:backup/${CONTAINER}`],
    ['protect', `usb:backup/${CONTAINER}`],
    ['notes', `usb:backup/${CONTAINER}`, 'x'],
  ])('%s %s', async (...args) => {
    const { names, pveRoot } = await makeStorages();
    const result = await runCli([...args, ...pveRoot, '--json'], { cwd: '/' });
    expect([result.status, errorDocument(result).code]).toEqual([1, 'STORAGE_NOT_MOUNTED']);
    expect(await names('local/dump')).toEqual([CONTAINER, ...VMS]);
  });

  test.each([
    [['backups', 'other'], 'other: no such file or directory'],
    [['protect', 'other:backup/x.vma'], "storage 'other' does not exist"],
    [['notes', 'local:backup/../x.vma'], /^'local:backup\/\.\.\/x\.vma' is not a volume that can be found/],
  ])('%j', async (args, message) => {
    const { pveRoot } = await makeStorages();
    const { status, stderr } = await runCli([...args, ...pveRoot], { cwd: '/' });
    expect([status, stderr.split('\n')[0]!.replace('vzdump-format: ', '')]).toEqual([
      1,
      expect.stringMatching(message),
    ]);
  });
});

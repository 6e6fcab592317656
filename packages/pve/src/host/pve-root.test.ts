import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { configValue, parseGuestConfig, withValue } from '../guest/guest-config.js';
import { PveRoot, type PveRootOptions } from './pve-root.js';

const temporaryDirectory = useTemporaryDirectory();
let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

/** Opens a root that holds these files. */
async function rootOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: PveRootOptions = {},
): Promise<PveRoot> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  return PveRoot.open(directory, options);
}

describe('guests', () => {
  test('are found by their files', async () => {
    const root = await rootOf({
      'qemu-server/200.conf': '',
      'qemu-server/100.conf': '',
      'lxc/101.conf': '',
      'qemu-server/99.conf': '',
      'qemu-server/0100.conf': '',
      'qemu-server/102.conf.bak': '',
      'lxc/x103.conf': '',
      'lxc/.104.conf': '',
      'openvz/105.conf': '',
    });
    expect(await root.guests()).toEqual([
      { vmid: 100, type: 'qemu', configPath: join(directory, 'qemu-server/100.conf') },
      { vmid: 101, type: 'lxc', configPath: join(directory, 'lxc/101.conf') },
      { vmid: 200, type: 'qemu', configPath: join(directory, 'qemu-server/200.conf') },
    ]);
    expect(await root.guest(101)).toMatchObject({ type: 'lxc' });
    await expect(root.guest(102)).rejects.toMatchObject({
      code: 'GUEST_UNKNOWN',
      message: "unable to find VM '102'",
    });
  });

  test('there can be none', async () => {
    expect(await (await rootOf({})).guests()).toEqual([]);
  });

  test('two of one number are refused, and no others', async () => {
    const root = await rootOf({ 'qemu-server/100.conf': '', 'lxc/100.conf': '', 'lxc/101.conf': '' });
    for (const find of [() => root.guest(100), () => root.findGuest(100)]) {
      await expect(find()).rejects.toMatchObject({
        code: 'GUEST_AMBIGUOUS',
        message: '100 is both a virtual machine and a container',
      });
    }
    expect(await root.guest(101)).toMatchObject({ type: 'lxc' });
    expect((await root.knownGuests()).local).toEqual([100, 101]);
  });

  test('of other nodes are known, and pools', async () => {
    const root = await rootOf(
      {
        'nodes/here/qemu-server/100.conf': '',
        'nodes/there/qemu-server/200.conf': '',
        'nodes/there/lxc/201.conf': '',
        'nodes/nowhere/ssl.pem': '',
        'user.cfg': 'pool:x::100,200::\n',
      },
      { node: 'here' },
    );
    await symlink('nodes/here/qemu-server', join(directory, 'qemu-server'));
    expect(await root.knownGuests()).toEqual({
      local: [100],
      external: [200, 201],
      pools: new Map([['x', new Set([100, 200])]]),
    });
  });
});

describe('this node', () => {
  test('is the one that local links to', async () => {
    await symlink('nodes/pve1', join(directory, 'local'));
    expect((await rootOf({})).node).toBe('pve1');
    expect((await rootOf({}, { node: 'other' })).node).toBe('other');
  });

  test('is this host otherwise', async () => {
    expect((await rootOf({})).node).toBe(hostname().split('.')[0]);
  });
});

test('what is no directory is refused', async () => {
  await expect(PveRoot.open(join(directory, 'none'))).rejects.toMatchObject({
    code: 'PVE_ROOT',
    hint: 'say where it is: --pve-root DIR',
  });
  await writeFile(join(directory, 'file'), '');
  await expect(PveRoot.open(join(directory, 'file'))).rejects.toMatchObject({ code: 'PVE_ROOT' });
});

describe('a configuration', () => {
  test('is read, with warnings that name its file, the first time', async () => {
    const warnings: ArchiveWarning[] = [];
    const root = await rootOf(
      { 'qemu-server/100.conf': 'cores: 2\nodd\n' },
      { onWarning: (each) => warnings.push(each) },
    );
    const guest = await root.guest(100);
    for (let times = 0; times < 2; times++) {
      expect(configValue(await root.readConfig(guest), 'cores')).toBe('2');
    }
    expect(warnings).toMatchObject([{ code: 'CONFIG_LINE', entry: guest.configPath }]);
  });

  test('is written back byte for byte, text or not', async () => {
    const bytes = Buffer.from('2320ff0afe3a2061c3a40d0a6e616d653a20c3a9ff0a', 'hex');
    const root = await rootOf({ 'qemu-server/100.conf': bytes });
    const config = await root.readConfig(await root.guest(100));
    await root.writeConfig(300, config);
    expect(await readFile(root.configPath('qemu', 300))).toEqual(bytes);
  });

  test('that is there is not overwritten unless asked for', async () => {
    const root = await rootOf({ 'lxc/101.conf': 'hostname: a\n' });
    const config = withValue(await root.readConfig(await root.guest(101)), 'lock', 'backup');
    await expect(root.writeConfig(101, config)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await readFile(root.configPath('lxc', 101), 'utf8')).toBe('hostname: a\n');
    await root.writeConfig(101, config, { overwrite: true });
    expect(await readFile(root.configPath('lxc', 101), 'utf8')).toBe('hostname: a\nlock: backup\n');
    expect(await readdir(join(directory, 'lxc'))).toEqual(['101.conf']);
  });

  test('that is new is not for all to read; one that is replaced keeps its mode', async () => {
    const root = await rootOf({});
    const config = parseGuestConfig('name: a\n', 'qemu');
    const mode = async () => (await stat(root.configPath('qemu', 100))).mode & 0o777;
    await root.writeConfig(100, config);
    expect(await mode()).toBe(0o640);
    await chmod(root.configPath('qemu', 100), 0o604);
    await root.writeConfig(100, config, { overwrite: true });
    expect(await mode()).toBe(0o604);
  });

  test('that could not be written leaves nothing', async () => {
    const root = await rootOf({ 'qemu-server/100.conf/x': '' });
    const config = parseGuestConfig('name: a\n', 'qemu');
    await expect(root.writeConfig(100, config, { overwrite: true })).rejects.toMatchObject({
      code: 'EISDIR',
    });
    expect(await readdir(join(directory, 'qemu-server'))).toEqual(['100.conf']);
  });

  test('as large as no configuration is refused', async () => {
    const root = await rootOf({ 'qemu-server/100.conf': '' });
    const guest = await root.guest(100);
    await truncate(guest.configPath, 4 * 1024 * 1024);
    await root.readConfig(guest);
    await truncate(guest.configPath, 1024 ** 4);
    await expect(root.readConfig(guest)).rejects.toMatchObject({
      code: 'CONFIG_SIZE',
      entry: guest.configPath,
    });
  });
});

test('firewall rules are read, written and removed with their guest', async () => {
  const root = await rootOf({ 'lxc/101.conf': '' });
  expect(await root.readFirewall(101)).toBeUndefined();
  const rules = Buffer.from('[OPTIONS]\n');
  await root.writeFirewall(101, rules);
  expect(await root.readFirewall(101)).toEqual(rules);
  await expect(root.writeFirewall(101, rules)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
  await root.writeFirewall(101, Buffer.from(''), { overwrite: true });
  expect(await root.readFirewall(101)).toHaveLength(0);
  await root.removeGuest('lxc', 101);
  expect(await root.guests()).toEqual([]);
  await expect(lstat(root.firewallPath(101))).rejects.toMatchObject({ code: 'ENOENT' });
  await root.removeGuest('lxc', 101);
});

test('storages and the rest are read, or count as empty', async () => {
  const empty = await rootOf({});
  expect([...(await empty.storages()).keys()]).toEqual(['local']);
  expect(await empty.datacenter()).toEqual({ bandwidthLimits: undefined, macPrefix: undefined });
  expect(await empty.pools()).toEqual(new Map());
  const warnings: ArchiveWarning[] = [];
  const root = await rootOf(
    { 'storage.cfg': 'dir: x1\n\tpath /x\nodd\n', 'datacenter.cfg': 'mac_prefix: 02\nbwlimit: x\n' },
    { onWarning: (each) => warnings.push(each) },
  );
  expect([...(await root.storages()).keys()]).toEqual(['local', 'x1']);
  expect((await root.datacenter()).macPrefix).toBe('02');
  expect(warnings.map(({ entry }) => entry)).toEqual(
    ['storage.cfg', 'datacenter.cfg'].map((name) => join(directory, name)),
  );
});

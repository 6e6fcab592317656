import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { scratch } from '../testing/scratch.js';
import { containerMethods } from './container-methods.js';
import { Lxc } from './lxc.js';
import { BusyboxContainer } from './testing/busybox-container.js';
import { testWith } from './testing/requirements.js';

const VMID = 935;
const GUEST = { vmid: VMID, type: 'lxc', configPath: '' } as const;

afterEach(() => vi.unstubAllEnvs());

testWith(['lxc', 'root'], 'a container is started, frozen, thawed and stopped', async () => {
  const directory = await scratch();
  const container = new BusyboxContainer({ vmid: VMID, directory, rootfs: join(directory, 'rootfs') });
  const { lxc, lxcPath } = container;
  const { isRunning } = containerMethods({ lxcPath });
  try {
    expect(await lxc.state(VMID)).toBe('stopped');
    expect(await isRunning(GUEST)).toBe(false);
    await expect(lxc.initPid(VMID)).rejects.toMatchObject({ code: 'LXC_PID' });
    await expect(lxc.freeze(VMID)).rejects.toMatchObject({ code: 'PROGRAM_FAILED' });
    await lxc.start(VMID);
    expect(await lxc.state(VMID)).toBe('running');
    expect(await isRunning(GUEST)).toBe(true);
    expect(await new Lxc({ lxcPath: relative(process.cwd(), `${lxcPath}/`) }).state(VMID)).toBe('running');
    const pid = await lxc.initPid(VMID);
    await lxc.freeze(VMID);
    expect(await lxc.state(VMID)).toBe('frozen');
    expect(await isRunning(GUEST)).toBe(true);
    await lxc.thaw(VMID);
    expect(await lxc.state(VMID)).toBe('running');
    await lxc.stop(VMID, 30);
    expect(await lxc.state(VMID)).toBe('stopped');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  } finally {
    await container.remove();
  }
});

testWith(['lxc', 'root'], 'a container is found where its path is too long for a socket', async () => {
  const directory = join(await scratch(), 'l'.repeat(120));
  mkdirSync(directory);
  const container = new BusyboxContainer({ vmid: VMID, directory, rootfs: join(directory, 'rootfs') });
  try {
    expect(await container.state()).toBe('stopped');
    await container.start();
    expect(await container.state()).toBe('running');
  } finally {
    await container.remove();
  }
});

testWith(['lxc'], 'a container that LXC does not know is stopped', async () => {
  expect(await new Lxc({ lxcPath: await scratch() }).state(VMID)).toBe('stopped');
});

test('pct starts a container where there is one, but not those of another path', async () => {
  const programs = await scratch();
  expect(new Lxc().startCommand(VMID)).toEqual(['lxc-start', `--name=${VMID}`, '--daemon']);
  mkdirSync(join(programs, 'lxc'));
  writeFileSync(join(programs, 'pct'), '');
  chmodSync(join(programs, 'pct'), 0o755);
  vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
  expect(new Lxc().startCommand(VMID)).toEqual(['pct', 'start', String(VMID), '--skiplock', '1']);
  expect(new Lxc({ lxcPath: programs }).startCommand(VMID)[0]).toBe('lxc-start');
});

test('a container that does not run is accessed in the mode stop, whatever was asked for', () => {
  const { access } = containerMethods();
  const modes = ['snapshot', 'suspend', 'stop'] as const;
  expect(modes.map((mode) => access(GUEST, mode, true).mode)).toEqual(modes);
  expect(modes.map((mode) => access(GUEST, mode, false).mode)).toEqual(['stop', 'stop', 'stop']);
});

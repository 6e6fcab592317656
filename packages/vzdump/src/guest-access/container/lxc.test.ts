import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { scratch, testWith } from '@vzdump-format/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { BusyboxContainer } from '../testing/busybox-container.js';
import { containerMethods } from './container-methods.js';
import { Lxc } from './lxc.js';

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
    expect(await isRunning(GUEST, [])).toBe(false);
    await expect(lxc.initPid(VMID)).rejects.toMatchObject({ code: 'LXC_PID' });
    await expect(lxc.freeze(VMID)).rejects.toMatchObject({ code: 'PROGRAM_FAILED' });
    await lxc.start(VMID);
    expect(await lxc.state(VMID)).toBe('running');
    expect(await isRunning(GUEST, [])).toBe(true);
    expect(await new Lxc({ lxcPath: relative(process.cwd(), `${lxcPath}/`) }).state(VMID)).toBe('running');
    const pid = await lxc.initPid(VMID);
    await lxc.freeze(VMID);
    expect(await lxc.state(VMID)).toBe('frozen');
    expect(await isRunning(GUEST, [])).toBe(true);
    await lxc.thaw(VMID);
    expect(await lxc.state(VMID)).toBe('running');
    await lxc.stop(VMID, 30);
    expect(await lxc.state(VMID)).toBe('stopped');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  } finally {
    await container.remove();
  }
});

for (const [which, name] of [
  ['short', 'short'],
  ['too long for a socket', 'l'.repeat(120)],
] as const) {
  testWith(
    ['lxc', 'root'],
    `a container is found under an LXC path that is ${which}, whichever is asked for`,
    async () => {
      const directory = join(await scratch(), name);
      mkdirSync(directory);
      const container = new BusyboxContainer({ vmid: VMID, directory, rootfs: join(directory, 'rootfs') });
      const others = [new Lxc(), new Lxc({ lxcPath: await scratch() })];
      try {
        expect(await container.state()).toBe('stopped');
        for (const other of others) expect(await other.state(VMID)).toBe('stopped');
        await container.start();
        expect(await container.state()).toBe('running');
        const elsewhere = { code: 'LXC_PATH', entry: container.lxcPath };
        for (const other of others) await expect(other.state(VMID)).rejects.toMatchObject(elsewhere);
        expect(await new Lxc().state(VMID + 1)).toBe('stopped');
        vi.stubEnv('PATH', await scratch()); // without LXC
        await expect(new Lxc().state(VMID)).rejects.toMatchObject(elsewhere);
      } finally {
        vi.unstubAllEnvs();
        await container.remove();
      }
    },
  );
}

testWith(['lxc', 'root'], 'a container that LXC does not know is stopped', async () => {
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

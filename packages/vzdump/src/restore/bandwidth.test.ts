import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { archiveVm, keepSample, makeSample, restoreTold, type Sample } from './testing/sample.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Milliseconds. It stands still but for those who wait, whom the limit makes wait: what it says is all due to
 * the limit.
 */
const clock = vi.hoisted(() => ({ now: 0 }));

vi.mock('node:timers/promises', async (original) => ({
  ...(await original<typeof import('node:timers/promises')>()),
  setTimeout: async (delay: number) => {
    clock.now += delay;
  },
}));

keepSample();

beforeEach(() => {
  clock.now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock.now);
  return () => vi.restoreAllMocks();
});

/** Within 5 %, which is what may be let through at once at the beginning, too. */
function expectRate(bytes: number, kibPerSecond: number): void {
  const seconds = bytes / (kibPerSecond * KIB);
  expect(seconds).toBeGreaterThan(2);
  expect(clock.now / 1000).toBeGreaterThan(seconds * 0.95);
  expect(clock.now / 1000).toBeLessThan(seconds * 1.05);
}

/** The disk gets content of so many bytes, and zeros behind them. */
function fillDisk(sample: Sample, bytes: number): void {
  const disk = Buffer.alloc(16 * MIB);
  disk.fill('content', 0, bytes);
  writeFileSync(sample.image(100, 'vm-100-disk-0.raw'), disk);
}

function setLimits(sample: Sample, edit: (text: string) => string): void {
  const path = join(sample.pveRoot, 'storage.cfg');
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
}

describe("a virtual machine's disks are written no faster", () => {
  test('than the storage allows, zeros beside', async () => {
    const sample = await makeSample();
    fillDisk(sample, 8 * MIB);
    setLimits(sample, (text) => text.replace('restore=102400', 'restore=1024'));
    const archive = await archiveVm(sample);
    const { events } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    expect(events).toContainEqual({ type: 'storage-limit', storage: 'local', kibPerSecond: 1024 });
    expectRate(8 * MIB, 1024);
  });

  test('than asked for, whatever the storage says', async () => {
    const sample = await makeSample();
    fillDisk(sample, 8 * MIB);
    const archive = await archiveVm(sample);
    await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, bwlimit: 512.5 });
    expectRate(8 * MIB, 512.5);
  });

  test('and as fast as can be with 0', async () => {
    const sample = await makeSample();
    setLimits(sample, (text) => text.replace('restore=102400', 'restore=1'));
    const archive = await archiveVm(sample);
    const { events } = await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot, bwlimit: 0 });
    expect(events.map(({ type }) => type)).not.toContain('storage-limit');
    expect(clock.now).toBe(0);
  });

  test('together, where several are on one storage', async () => {
    const sample = await makeSample();
    fillDisk(sample, 4 * MIB);
    writeFileSync(sample.image(100, 'vm-100-disk-1.raw'), Buffer.alloc(4 * MIB, 'content'));
    const conf = join(sample.pveRoot, 'qemu-server/100.conf');
    writeFileSync(conf, readFileSync(conf, 'utf8').replace(',backup=0,size=1M', ',size=4M'));
    const archive = await archiveVm(sample);
    setLimits(sample, (text) => text.replace('restore=102400', 'restore=1024'));
    await restoreTold({ archive, vmid: 300, pveRoot: sample.pveRoot });
    expectRate(8 * MIB, 1024);
  });
});

test('its archive is read no faster than the storage allows that it is on, as it is stored', async () => {
  const sample = await makeSample();
  fillDisk(sample, 8 * MIB);
  const archive = await archiveVm(sample);
  const inStorage = join(sample.storage, 'archive/weekly', basename(archive));
  await rename(archive, inStorage);
  setLimits(sample, (text) =>
    text
      .replace('bwlimit restore=102400', 'bwlimit restore=0')
      .replace('content-dirs backup=weekly', 'content-dirs backup=weekly\n\tbwlimit restore=2048'),
  );
  await restoreTold({ archive: inStorage, vmid: 300, pveRoot: sample.pveRoot });
  expectRate((await stat(inStorage)).size, 2048);
});

testWith(['root', 'zstd'], "a container's archive is read no faster, compressed as it is", async () => {
  const sample = await makeSample();
  const directory = await scratch();
  const archive = join(directory, 'a.tar.zst');
  await mkdir(join(directory, 'etc/vzdump'), { recursive: true });
  writeFileSync(join(directory, 'etc/vzdump/pct.conf'), 'rootfs: local:101/x.subvol,size=0T\n');
  writeFileSync(join(directory, 'big'), Buffer.concat([randomBytes(8 * MIB), Buffer.alloc(8 * MIB)]));
  await runTool('tar', '-cf', archive, '--zstd', '-C', directory, './etc/vzdump/pct.conf', './big');
  const { size } = await stat(archive);
  expect(size).toBeLessThan(9 * MIB);
  setLimits(sample, (text) => text.replace('restore=102400', 'restore=2048'));
  await restoreTold({ archive, vmid: 301, pveRoot: sample.pveRoot });
  expectRate(size, 2048);
});

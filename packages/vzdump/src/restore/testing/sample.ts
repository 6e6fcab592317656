import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openDiskImage } from '@vzdump-format/disk';
import { pathToBytes } from '@vzdump-format/posix';
import { driveMapEntry, driveVolume, PveRoot, qemuArchiveConfig, selectDrives } from '@vzdump-format/pve';
import type { ArchiveWarning } from '@vzdump-format/streams';
import { keptScratch, scratch } from '@vzdump-format/testing';
import { packVma } from '@vzdump-format/vma';
import { beforeAll } from 'vitest';
import { restore } from '../restore.js';
import type { RestoreEvent, RestoreOptions, RestoreResult } from '../restore-options.js';

const SAMPLE = join(import.meta.dirname, '../../../../../examples/pve');

const run = promisify(execFile);

/** The sample's guests, in a directory of the test that runs. */
export interface Sample {
  /** Of Proxmox VE's configuration. */
  readonly pveRoot: string;
  readonly directory: string;
  /** Of the storage `local`. */
  readonly storage: string;
  /** The names of a guest's volumes. */
  images(vmid: number): Promise<string[]>;
  image(vmid: number, name: string): string;
  config(name: string): Promise<string>;
}

let made = '';

/** Made once for the tests of a file, which get copies: to be called at the top of the file. */
export function keepSample(): void {
  beforeAll(async () => {
    const kept = keptScratch();
    await kept.make();
    made = kept.path('sample');
    await run(process.execPath, [join(SAMPLE, 'make-guests.mjs'), made]);
    return kept.remove;
  });
}

export async function makeSample(): Promise<Sample> {
  const directory = join(await scratch(), 'sample');
  await run('cp', ['-a', made, directory]);
  for (const name of ['storage.cfg', 'lxc/101.conf']) {
    const path = join(directory, 'pve', name);
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll(made, directory));
  }
  const storage = join(directory, 'storage');
  return {
    pveRoot: join(directory, 'pve'),
    ...{ directory, storage },
    images: async (vmid) => (await readdir(join(storage, 'images', String(vmid)))).sort(),
    image: (vmid, name) => join(storage, 'images', String(vmid), name),
    config: (name) => readFile(join(directory, 'pve', name), 'utf8'),
  };
}

/** A VMA archive of the sample's virtual machine, as vzdump makes it. */
export async function archiveVm(
  { pveRoot, directory }: Sample,
  edit: (config: string) => string = (config) => config,
): Promise<string> {
  const root = await PveRoot.open(pveRoot);
  const storages = await root.storages();
  const guest = await root.guest(100);
  const config = await root.readConfig(guest);
  const drives = selectDrives(config).included.map((drive) => ({
    drive,
    volume: driveVolume(storages, drive),
  }));
  const map = drives.map(({ drive, volume }) => driveMapEntry(drive, volume));
  const sources = await Promise.all(
    drives.map(async ({ drive, volume }) => ({
      name: drive.deviceName,
      source: await openDiskImage(volume.path),
    })),
  );
  const firewall = await root.readFirewall(100);
  const configs = [
    { name: 'qemu-server.conf', data: pathToBytes(edit(qemuArchiveConfig(config, map).text)) },
    ...(firewall === undefined ? [] : [{ name: 'qemu-server.fw', data: firewall }]),
  ];
  const path = join(directory, 'vzdump-qemu-100-2026_01_01-12_00_00.vma');
  await writeFile(path, packVma({ configs, drives: sources }));
  for (const { source } of sources) await source.close();
  return path;
}

export interface Restored {
  readonly result: RestoreResult;
  readonly events: readonly RestoreEvent[];
  readonly warnings: readonly ArchiveWarning[];
}

/** `restore`, with what it told. Addresses and uuids are the same each time. */
export async function restoreTold(options: RestoreOptions): Promise<Restored> {
  const events: RestoreEvent[] = [];
  const warnings: ArchiveWarning[] = [];
  const result = await restore({
    identity: { mac: () => 'BC:24:11:AA:BB:CC', uuid: () => '11111111-2222-4333-8444-555555555555' },
    onEvent: (event) => events.push(event),
    onWarning: (warning) => warnings.push(warning),
    ...options,
  });
  return { result, events, warnings };
}

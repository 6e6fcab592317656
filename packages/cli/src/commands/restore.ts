import { formats } from '@vzdump-format/archives';
import { codecs } from '@vzdump-format/codecs';
import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import {
  type RestoreEvent,
  type RestoreOptions,
  type RestoreResult,
  restore as restoreGuest,
  TreeProgressLines,
} from '@vzdump-format/vzdump';
import { binaryInput, sayWhere } from '../archive-input.js';
import type { Command, CommandContext } from '../command.js';
import {
  type ArchiveInputOptions,
  archiveInputOptions,
  type CommonOptions,
  type IndexInputOptions,
  indexInputOptions,
  lxcPathOption,
  nameAndPath,
  type PveRootOption,
  pveRootOption,
  wholeNumber,
} from '../options/options.js';
import type { ParsedOptions } from '../options/proxmox-options.js';
import {
  givenMountPoints,
  givenOverrides,
  givenRestoreOptions,
  restoreOptionSpecs,
} from '../options/restore-options.js';
import { UsageError } from '../output/exit-status.js';
import { printJson, standardError, writerFor } from '../output/output.js';

interface OwnOptions extends PveRootOption {
  readonly drive?: readonly { readonly name: string; readonly path: string }[];
  readonly unusedN?: ReadonlyMap<string, string>;
  readonly untrusted?: boolean;
  readonly lxcPath?: string;
}

type Options = CommonOptions & ArchiveInputOptions & IndexInputOptions & OwnOptions & ParsedOptions;

export const restore: Command<Options> = {
  name: 'restore',
  summary:
    'make a guest of a backup, as qmrestore and pct restore do, with their options: whole, or not at all',
  arguments: [
    {
      name: '<archive>',
      description: 'the backup: a path, a volume as local:backup/NAME, or - for standard input',
      values: 'file',
    },
    { name: '<vmid>', description: 'the number that the guest gets' },
  ],
  options: [
    ...restoreOptionSpecs,
    {
      flags: '--drive <NAME=PATH>',
      description: 'write a drive of a VM (scsi0, drive-scsi0 or 1) to a file or block device of your choice',
      repeatable: true,
      parse: (text) => nameAndPath('--drive', text),
    },
    {
      flags: '--untrusted',
      description: "leave out the lines of the backup's configuration that act on the host",
    },
    pveRootOption,
    lxcPathOption,
    ...indexInputOptions,
    ...archiveInputOptions,
  ],
  abbreviated: restoreOptionSpecs.filter(({ numbered }) => !numbered),
  examples: [
    'vzdump-format restore vzdump-qemu-100-2026_11_20-02_00_00.vma.zst 300 --storage local-lvm --unique',
    'vzdump-format restore local:backup/vzdump-lxc-101-2026_11_20-02_00_00.tar.zst 101 --force',
    'vzdump-format dump 101 --stdout | vzdump-format restore - 300 --rootfs local:4 --hostname copy',
  ],

  async run([archive, number], options, context) {
    for (const name of options.unusedN?.keys() ?? []) tellUnused(name, context);
    const result = await restoreGuest({
      ...givenRestoreOptions(options),
      ...{ vmid: vmidOf(number!, archive!), archive: inputOf(archive!, context) },
      ...{
        pveRoot: options.pveRoot,
        untrusted: options.untrusted,
        lxcPath: options.lxcPath,
        maxWindowLog: options.long,
        payload: options.payload,
        useIndex: options.index,
        indexDirectory: options.indexDir,
      },
      drives: drivesOf(options),
      mountPoints: givenMountPoints(options),
      overrides: givenOverrides(options),
      writerFor,
      ...reports(options, context),
    }).catch((error) => {
      throw asUsage(isOfArchive(error) ? sayWhere(error, nameOf(archive!)) : error);
    });
    if (options.json) await printJson(document(result));
    else
      context.inform(`restored ${result.type === 'qemu' ? 'VM' : 'CT'} ${result.vmid}: ${result.configPath}`);
  },
};

/** What is told meanwhile. Unless progress is drawn or asked for, there are lines as of `vma extract -v`. */
function reports({ progress = 'auto', json }: CommonOptions, context: CommandContext) {
  const percents = new PercentLines(context.inform);
  const lines = new TreeProgressLines(context.inform);
  const tellsLines = progress === 'auto' && !json && !standardError.isTTY;
  const reported: Pick<RestoreOptions, 'onEvent' | 'onProgress' | 'onWarning' | 'signal'> = {
    onEvent: (event) => {
      for (const line of restoreLines(event)) context.inform(line);
    },
    onProgress: (bytes, total) => {
      context.onProgress(bytes, total);
      if (!tellsLines) return;
      if (total === undefined) lines.update(bytes);
      else percents.update(bytes, total);
    },
    onWarning: context.onWarning,
    signal: context.signal,
  };
  return reported;
}

function vmidOf(text: string, archive: string): number {
  if (!/^\d+$/.test(text) && /^[1-9]\d{2,8}$/.test(archive)) {
    throw new UsageError('the archive comes first, then the number', `restore ${text} ${archive}`);
  }
  return wholeNumber('VMID', text, 100, 999_999_999);
}

function inputOf(archive: string, { signal }: CommandContext): string | AsyncIterable<Uint8Array> {
  return archive === '-' ? binaryInput(signal) : archive;
}

function nameOf(archive: string): string {
  return archive === '-' ? 'standard input' : archive;
}

function drivesOf({ drive = [] }: OwnOptions): ReadonlyMap<string, string> {
  const drives = new Map<string, string>();
  for (const { name, path } of drive) {
    if (drives.has(name)) throw new UsageError(`--drive ${name} is given twice`);
    drives.set(name, path);
  }
  return drives;
}

/** Proxmox VE takes these, and passes over them. */
function tellUnused(name: string, { onWarning }: CommandContext): void {
  const message = `--${name} has no effect on a restore`;
  onWarning({ code: 'OPTION_IGNORED', message, entry: name, isNotice: true });
}

/** What is wrong is in the archive rather than with the host: its format says so, or its codec. */
function isOfArchive(error: unknown): boolean {
  if (!(error instanceof ArchiveError)) return true;
  const names = [...formats, ...codecs].map(({ name }) => name.toUpperCase());
  return [...names, 'FORMAT_', 'UNEXPECTED_'].some((start) => error.code.startsWith(start));
}

/** Options of the other type of guest: nothing was done. */
function asUsage(error: unknown): unknown {
  const isUsage = error instanceof ArchiveError && error.code === 'RESTORE_OPTION';
  return isUsage ? new UsageError(error.message, error.hint) : error;
}

function document({ type, vmid, configPath, volumes, bytes }: RestoreResult) {
  return { type, vmid, configPath, volumes: Object.fromEntries(volumes), bytes };
}

/** The lines that qmrestore, its `vma extract -v`, and `pct restore` write, for what a restore tells of. */
export function restoreLines(event: RestoreEvent): readonly string[] {
  switch (event.type) {
    case 'archive':
      return [archiveLine(event.guest, event.path)];
    case 'contents':
      return contentLines(event);
    case 'acts-on-host':
      return [`${event.leftOut ? 'left out, since it ' : ''}acts on the host: ${event.line}`];
    case 'read-limit':
      return [`applying read rate limit: ${event.kibPerSecond}`];
    case 'storage-limit':
      return [`rate limit for storage ${event.storage}: ${event.kibPerSecond} KiB/s`];
    case 'volume':
      return [`new volume ID is '${event.volume}'`];
    case 'drive':
      return [`map '${event.device}' to '${event.path}' (write zeros = ${event.writesZeros ? 1 : 0})`];
    case 'drives-written':
      return [...driveLines(event), 'rescan volumes...'];
    case 'files-written':
      return [`restored ${event.entries} entries, files of ${event.bytes} bytes`];
    case 'old-volume-removed':
      return [`removed old volume '${event.volume}'`];
    case 'unused-volume':
      return [`${event.key}: '${event.volume}' stays`];
    case 'starting':
      return ['starting it'];
    case 'discarded':
      return [`removed '${event.volume}', which did not become whole`];
  }
}

/** One for each percent that is reached. */
export class PercentLines {
  private told = 0;

  constructor(
    private readonly write: (line: string) => void,
    private readonly now: () => number = () => performance.now(),
    private readonly startedAt = now(),
  ) {}

  update(bytes: number, total: number): void {
    if (total === 0) return;
    const percent = Math.floor((bytes * 100) / total);
    if (percent <= this.told) return;
    this.told = percent;
    const seconds = Math.floor((this.now() - this.startedAt) / 1000);
    this.write(`progress ${percent}% (read ${bytes} bytes, duration ${seconds} sec)`);
  }
}

function archiveLine(guest: 'qemu' | 'lxc', path: string | undefined): string {
  if (guest === 'qemu') return `restore vma archive: ${path ?? '-'}`;
  return path === undefined ? 'extracting archive from STDIN' : `extracting archive '${path}'`;
}

function contentLines({ configs, devices, ctime }: Extract<RestoreEvent, { type: 'contents' }>): string[] {
  return [
    ...configs.map(({ name, size }) => `CFG: size: ${size} name: ${printableName(name)}`),
    ...devices.map(({ id, name, size }) =>
      name === 'vmstate'
        ? `VMSTATE: dev_id=${id} memory: ${size}`
        : `DEV: dev_id=${id} size: ${size} devname: ${printableName(name)}`,
    ),
    `CTIME: ${cTime(Number(ctime))}`,
  ];
}

function driveLines(event: Extract<RestoreEvent, { type: 'drives-written' }>): string[] {
  const { bytes, zeroBytes, zeroClusterBytes } = event;
  if (bytes === 0) return ['vma archive contains no image data'];
  const stored = bytes - zeroClusterBytes;
  const reduction = `space reduction due to 4K zero blocks ${percentOf(zeroBytes - zeroClusterBytes, stored)}`;
  return [
    `total bytes read ${bytes}, sparse bytes ${zeroClusterBytes} (${percentOf(zeroClusterBytes, bytes)})`,
    ...(stored === 0 ? [] : [reduction]),
  ];
}

/** As `%.3g%%` prints it. */
function percentOf(part: number, all: number): string {
  return `${Number(((part / all) * 100).toPrecision(3))}%`;
}

/** ctime(3): `Tue Mar 12 10:00:00 2024`, local time; seconds since the epoch. */
function cTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const [day, month] = date.toString().split(' ');
  const time = date.toTimeString().slice(0, 'hh:mm:ss'.length);
  return `${day} ${month} ${String(date.getDate()).padStart(2)} ${time} ${date.getFullYear()}`;
}

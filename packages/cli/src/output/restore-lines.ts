import { printableName } from '@vzdump-format/posix';
import type { RestoreEvent } from '@vzdump-format/vzdump';

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

import type { RestoreEvent } from '@vzdump-format/vzdump';
import { describe, expect, test } from 'vitest';
import { PercentLines, restoreLines } from './restore.js';

const MIB = 1 << 20;

describe('the lines of qmrestore, vma extract -v and pct restore', () => {
  const cases: readonly (readonly [RestoreEvent, readonly string[]])[] = [
    [{ type: 'archive', guest: 'qemu', path: '/a.vma' }, ['restore vma archive: /a.vma']],
    [{ type: 'archive', guest: 'qemu', path: undefined }, ['restore vma archive: -']],
    [{ type: 'archive', guest: 'lxc', path: '/a.tar' }, ["extracting archive '/a.tar'"]],
    [{ type: 'archive', guest: 'lxc', path: undefined }, ['extracting archive from STDIN']],
    [
      {
        type: 'contents',
        configs: [{ name: 'qemu-server.conf', size: 567 }],
        devices: [
          { id: 1, name: 'drive-scsi0', size: 4096 },
          { id: 2, name: 'vmstate', size: 8192 },
        ],
        ctime: BigInt(new Date(2024, 2, 2, 10, 5, 9).getTime() / 1000),
      },
      [
        'CFG: size: 567 name: qemu-server.conf',
        'DEV: dev_id=1 size: 4096 devname: drive-scsi0',
        'VMSTATE: dev_id=2 memory: 8192',
        'CTIME: Sat Mar  2 10:05:09 2024',
      ],
    ],
    [{ type: 'contents', configs: [], devices: [], ctime: 2n ** 63n - 1n }, ['CTIME: 9223372036854776000']],
    [
      {
        type: 'contents',
        configs: [{ name: 'a\nb', size: 1 }],
        devices: [{ id: 1, name: 'x'.repeat(60_000), size: 2 }],
        ctime: 2n ** 63n - 1n,
      },
      [
        'CFG: size: 1 name: a\\x0ab',
        `DEV: dev_id=1 size: 2 devname: ${'x'.repeat(120)}…`,
        'CTIME: 9223372036854776000',
      ],
    ],
    [{ type: 'acts-on-host', line: 'args: -S', leftOut: false }, ['acts on the host: args: -S']],
    [
      { type: 'acts-on-host', line: 'args: -S', leftOut: true },
      ['left out, since it acts on the host: args: -S'],
    ],
    [{ type: 'read-limit', kibPerSecond: 512 }, ['applying read rate limit: 512']],
    [
      { type: 'storage-limit', storage: 'local', kibPerSecond: 512 },
      ['rate limit for storage local: 512 KiB/s'],
    ],
    [
      { type: 'drive', device: 'drive-scsi0', path: '/dev/vg/x', writesZeros: true },
      ["map 'drive-scsi0' to '/dev/vg/x' (write zeros = 1)"],
    ],
    [
      { type: 'drives-written', bytes: 3 * MIB, zeroBytes: MIB + 4096, zeroClusterBytes: MIB },
      [
        'total bytes read 3145728, sparse bytes 1048576 (33.3%)',
        'space reduction due to 4K zero blocks 0.195%',
        'rescan volumes...',
      ],
    ],
    [
      { type: 'drives-written', bytes: MIB, zeroBytes: MIB, zeroClusterBytes: MIB },
      ['total bytes read 1048576, sparse bytes 1048576 (100%)', 'rescan volumes...'],
    ],
    [
      { type: 'drives-written', bytes: 0, zeroBytes: 0, zeroClusterBytes: 0 },
      ['vma archive contains no image data', 'rescan volumes...'],
    ],
  ];

  test.each(cases)('%#', (event, lines) => {
    expect(restoreLines(event)).toEqual(lines);
  });
});

test('progress has a line for each percent', () => {
  const lines: string[] = [];
  let now = 0;
  const progress = new PercentLines(
    (line) => lines.push(line),
    () => now,
  );
  for (const bytes of [1, 9, 10, 15, 30, 1000]) {
    progress.update(bytes, 1000);
    now += 700;
  }
  progress.update(5, 0);
  expect(lines).toEqual([
    'progress 1% (read 10 bytes, duration 1 sec)',
    'progress 3% (read 30 bytes, duration 2 sec)',
    'progress 100% (read 1000 bytes, duration 3 sec)',
  ]);
});

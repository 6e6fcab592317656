import { expect, test } from 'vitest';
import { formatDriveMapLine, parseDriveMap } from './drive-map.js';

test.each([
  ['#qmdump#map:scsi0:drive-scsi0:local-lvm:raw:', 'scsi0', 'drive-scsi0', 'local-lvm', 'raw'],
  [
    '#qmdump#map:tpmstate0:drive-tpmstate0-backup:local-zfs:raw:',
    'tpmstate0',
    'drive-tpmstate0-backup',
    'local-zfs',
    'raw',
  ],
  ['#qmdump#map:scsi0:drive-scsi0:rbdkvm::', 'scsi0', 'drive-scsi0', 'rbdkvm', ''],
  ['#qmdump#map:scsi0:drive-scsi0::qcow2:', 'scsi0', 'drive-scsi0', '', 'qcow2'],
])('%s', (line, key, deviceName, storage, format) => {
  const entry = { key, deviceName, storage, format };
  expect(parseDriveMap(`name: x\n${line}\n`)).toEqual([entry]);
  expect(formatDriveMapLine(entry)).toBe(line);
});

test.each([
  '#qmdump#map:scsi0:drive-scsi0:local:raw',
  '#qmdump#map:scsi0:drive-scsi0:local:',
  '#qmdump#map:scsi0:drive-scsi0:local:raw:x:',
  '#qmdump#map::drive-scsi0:local:raw:',
  '#qmdump#map:scsi0::local:raw:',
  '#qmdump#map:scsi 0:drive-scsi0:local:raw:',
  ' #qmdump#map:scsi0:drive-scsi0:local:raw:',
  `#qmdump#map:${':'.repeat(1 << 20)} `,
])('%.60j is no map line', (line) => {
  expect(parseDriveMap(`${line}\n`)).toEqual([]);
});

test('carriage returns do not count', () => {
  expect(parseDriveMap('#qmdump#map:scsi0:drive-scsi0:local:raw:\r\n')).toHaveLength(1);
});

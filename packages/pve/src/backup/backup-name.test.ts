import { spawnSync } from 'node:child_process';
import { awkwardZones, useTimeZone } from '@vzdump-format/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dayNumber,
  guestOfName,
  localSeconds,
  localTimeOf,
  parseBackupName,
  requireBackupExtension,
} from './backup-name.js';

describe('names that Proxmox makes', () => {
  test.each([
    ['vzdump-lxc-16110-2020_03_30-21_39_30.tgz', 'lxc', 'tar', 'gz', 1585604370],
    ['vzdump-qemu-16110-2020_03_30-21_12_40.vma.zst', 'qemu', 'vma', 'zst', 1585602760],
    ['vzdump-qemu-16110-2020_03_30-21_12_40.vma', 'qemu', 'vma', undefined, 1585602760],
    ['vzdump-openvz-16110-2020_03_30-21_12_40.tar.bz2', 'openvz', 'tar', 'bz2', 1585602760],
    ['vzdump-lxc-16110-2020_03_30-21_12_40.tar.gz', 'lxc', 'tar', 'gz', 1585602760],
    ['vzdump-lxc-16110-2020_03_30-21_12_40.tar.lzo', 'lxc', 'tar', 'lzo', 1585602760],
  ])('%s', (fileName, type, format, compression, ctime) => {
    useTimeZone('UTC');
    const name = parseBackupName(`/var/lib/vz/dump/${fileName}`)!;
    const stem = fileName.slice(0, fileName.indexOf('.'));
    expect(name).toEqual({
      ...{ fileName, type, format, compression },
      standard: { stem, vmid: 16110, ctime },
    });
  });

  test('tell the time of whoever reads them', () => {
    useTimeZone('Pacific/Auckland');
    const { standard } = parseBackupName('vzdump-qemu-100-2024_03_11-23_30_00.vma')!;
    expect(standard!.ctime).toBe(Date.UTC(2024, 2, 11, 10, 30) / 1000);
  });
});

test.each([
  ['vzdump-qemu-16110-whatever-the-name_is_here.tgz', 'qemu', 'tar', 'gz', 16110],
  ['vzdump-qemu-100-2024_13_01-00_00_00.vma', 'qemu', 'vma', undefined, 100], // no such month
  ['vzdump-qemu-100-2024_01_01-00_00_00-old.vma.lzo', 'qemu', 'vma', 'lzo', 100],
  ['vzdump-qemu-99-2024_01_01-00_00_00.vma', 'qemu', 'vma', undefined, undefined],
  ['vzdump-lxc-0100-2024_01_01-00_00_00.tar', 'lxc', 'tar', undefined, undefined],
  ['vzdump-lxc-1234567890-2024_01_01-00_00_00.tar', 'lxc', 'tar', undefined, undefined],
  ['vzdump-lxc-web-100-x.tar', 'lxc', 'tar', undefined, 100],
  ['vzdump-lxc-.tar.tar', 'lxc', 'tar', undefined, undefined],
  ['vzdump-qemu-1.tar.vma.zst', 'qemu', 'vma', 'zst', undefined],
])('%s is a backup that was renamed', (fileName, type, format, compression, guest) => {
  const name = parseBackupName(fileName)!;
  expect(name).toEqual({ fileName, type, format, compression, standard: undefined });
  expect(guestOfName(name)).toBe(guest);
});

test.each([
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.dat',
  'vzdump-lxc-100-2024_01_01-00_00_00.dat',
  'vzdump-qemu-100-2024_01_01-00_00_00.log',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.zst.notes',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.zst.protected',
  'vzdump-lxc-100-2024_01_01-00_00_00.tar.xz',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma.xz',
  'vzdump-qemu-100-2024_01_01-00_00_00.zip',
  'vzdump-lxc-100-2024_01_01-00_00_00.tgz.lzo',
  'vzdump-qemu-100-2024_01_01-00_00_00.VMA',
  'vzdump-qemu-100-2024_01_01-00_00_00.vma\n',
  'vzdump-qemu-100-\n2024_01_01-00_00_00.vma',
  'vzdump-kvm-100-2024_01_01-00_00_00.vma',
  'vzdump-qemu-.vma',
  'Vzdump-qemu-100-2024_01_01-00_00_00.vma',
  ' vzdump-qemu-100-2024_01_01-00_00_00.vma',
  'backup.vma.zst',
  'a.tar',
  '',
])('%j is no name of a backup', (name) => {
  expect(parseBackupName(name)).toBeUndefined();
});

test('whatever a name is, reading it takes no more than a moment and gives no path', () => {
  const pieces = fc.constantFrom(
    'vzdump-',
    'qemu-',
    '100-',
    '2024_01_01-',
    '00_00_00',
    '.vma',
    '.tar',
    '.zst',
    '/',
    '..',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 12 }), (parts) => {
      const name = parseBackupName(parts.join(''));
      expect(name?.fileName ?? '').not.toMatch(/[/\n]/);
      if (name !== undefined) expect(name.fileName.startsWith(`vzdump-${name.type}-`)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test.each(['/etc/passwd', 'a.vma.notes', 'a.vma.xz', 'vma', 'a\udc80.vma'])(
  '%j is not taken for a backup',
  (path) => {
    expect(() => requireBackupExtension(path)).toThrow(
      expect.objectContaining({
        code: 'BACKUP_NAME',
        message: expect.stringContaining("couldn't determine archive info from '"),
      }),
    );
  },
);

describe('local time', () => {
  function at(text: string): number | undefined {
    const [year, month, day, hour, minute, second] = text.split(/\D/).map(Number);
    return localSeconds({
      ...{ year: year!, month: month!, day: day! },
      ...{ hour: hour!, minute: minute!, second: second! },
    });
  }

  /** The right column is what Perl's timelocal gives. */
  test.each([
    ['Europe/Berlin', '2024-03-31 02:30:00', 1711848600], // left out: an hour later
    ['Europe/Berlin', '2024-10-27 02:30:00', 1729989000], // twice: the first
    ['America/New_York', '2024-11-03 01:30:00', 1730611800],
    ['America/New_York', '2024-03-10 02:30:00', 1710055800],
    ['Australia/Lord_Howe', '2024-10-06 02:15:00', 1728143100],
    ['Pacific/Apia', '2011-12-30 12:00:00', 1325282400],
    ['America/Sao_Paulo', '2018-11-04 00:30:00', 1541302200],
    ['Pacific/Auckland', '2024-03-11 23:30:00', 1710153000],
    ['Asia/Kathmandu', '2024-01-01 00:00:00', 1704046500],
    ['Europe/London', '1970-01-01 00:00:00', -3600],
  ])('in %s, %s is %d', (zone, text, expected) => {
    useTimeZone(zone);
    expect(at(text)).toBe(expected);
  });

  test.each([
    '2024-00-01 00:00:00',
    '2024-13-01 00:00:00',
    '2024-01-00 00:00:00',
    '2024-04-31 00:00:00',
    '2023-02-29 00:00:00',
    '1900-02-29 00:00:00',
    '2024-01-01 24:00:00',
    '2024-01-01 00:60:00',
    '2024-01-01 00:00:60',
  ])('%s is no time', (text) => {
    expect(at(text)).toBeUndefined();
  });

  test.each(['2024-02-29 23:59:59', '2000-02-29 00:00:00', '0024-12-31 12:00:00', '9999-12-31 23:59:59'])(
    '%s is one',
    (text) => {
      const time = localTimeOf(at(text)!);
      expect(Object.values(time)).toEqual(text.split(/\D/).map(Number));
    },
  );

  describe.each(awkwardZones)('in %s', (zone) => {
    test('a time that the clock showed comes back', () => {
      useTimeZone(zone);
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
          const time = localTimeOf(seconds);
          expect(localTimeOf(localSeconds(time)!)).toEqual(time);
        }),
        { numRuns: 2000 },
      );
    });

    test('the local time is what `date` says', () => {
      const times = Array.from({ length: 4000 }, (_, index) => index * 499_979);
      const input = times.map((seconds) => `@${seconds}\n`).join('');
      const format = '+%Y %m %d %H %M %S';
      const { stdout } = spawnSync('date', ['-f', '-', format], {
        input,
        env: { ...process.env, TZ: zone },
        encoding: 'utf8',
      });
      useTimeZone(zone);
      const expected = stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ').map(Number));
      expect(times.map((seconds) => Object.values(localTimeOf(seconds)))).toEqual(expected);
    });
  });

  test('days are counted from 1970 on', () => {
    expect(dayNumber({ year: 1970, month: 1, day: 1 })).toBe(0);
    expect(dayNumber({ year: 2024, month: 3, day: 1 })).toBe(19783);
    expect(dayNumber({ year: 24, month: 1, day: 1 })).toBeLessThan(-700_000);
  });
});

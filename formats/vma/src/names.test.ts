import { describe, expect, test } from 'vitest';
import { configFileName, deviceFileName, findConfig, findDevice, repeatedDeviceNames } from './names.js';
import { headerOf } from './testing/built-archive.js';

function device(name: string, id = 1) {
  return { id, name, size: 512 };
}

function config(name: string) {
  return { name, data: Buffer.from(name) };
}

describe('a device becomes the file', () => {
  test.each([
    ['drive-scsi0', 'disk-drive-scsi0.raw'],
    ['vmstate', 'vmstate.bin'],
    ['..', 'disk-...raw'],
    ['', 'disk-.raw'],
    ['\u{1f480}', 'disk-\u{1f480}.raw'],
  ])('%j: %j', (name, file) => {
    expect(deviceFileName(device(name))).toBe(file);
  });

  test('with its id where others have its name', () => {
    expect(deviceFileName(device('drive-scsi0', 17), true)).toBe('disk-drive-scsi0-17.raw');
    expect(deviceFileName(device('vmstate', 3), true)).toBe('vmstate-3.bin');
  });

  test('unless the name cannot be part of one', () => {
    for (const name of ['../x', '/dev/sda', 'a/b', 'a\udc80', 'x'.repeat(247)]) {
      expect(() => deviceFileName(device(name))).toThrow(
        expect.objectContaining({ code: 'VMA_DEVICE_NAME', entry: name }),
      );
    }
    expect(deviceFileName(device('x'.repeat(246)))).toHaveLength(255);
    expect(() => deviceFileName(device('x'.repeat(246), 1), true)).toThrow('longer than 255 bytes');
  });
});

describe('a config becomes the file of its name', () => {
  test.each(['qemu-server.conf', '...', 'Größe.conf', '\u{1f480}.conf'])('%j', (name) => {
    expect(configFileName(config(name))).toBe(name);
  });

  test.each(['', '.', '..', '../evil.conf', '/etc/cron.d/x', 'a/b', 'a\udc80', 'x'.repeat(256)])(
    'but not %j',
    (name) => {
      expect(() => configFileName(config(name))).toThrow(
        expect.objectContaining({
          code: 'VMA_CONFIG_NAME',
          entry: name,
          hint: expect.stringContaining('cat'),
        }),
      );
    },
  );
});

test('a name goes before an id', () => {
  const header = headerOf([device('2', 1), device('1', 2), device('c', 3)]);
  expect(findDevice(header, '2').id).toBe(1);
  expect(findDevice(header, '1').id).toBe(2);
  expect(findDevice(header, '3').id).toBe(3);
});

test('names that stand for several devices are listed once', () => {
  const header = headerOf([device('a', 1), device('b', 2), device('a', 3), device('a', 4), device('c', 5)]);
  expect(repeatedDeviceNames(header)).toEqual(['a']);
});

test('configs are found by name, and what there is is listed otherwise', () => {
  const header = headerOf([], [config('a.conf'), config('b\n.fw')]);
  expect(findConfig(header, 'a.conf').data.toString()).toBe('a.conf');
  expect(() => findConfig(header, 'c')).toThrow(
    expect.objectContaining({ code: 'VMA_NO_SUCH_CONFIG', entry: 'c', hint: 'it has: a.conf, b\\x0a.fw' }),
  );
  expect(() => findConfig(headerOf([]), 'c')).toThrow(
    expect.objectContaining({ hint: 'it has no configs at all' }),
  );
});

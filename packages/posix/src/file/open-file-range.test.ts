import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch, useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { allowNativeCalls } from '../native/native-calls.js';
import { describeOnLinux } from '../testing/conditions.js';
import { OpenFileRange, offerRanges } from './open-file-range.js';

const MIB = 1 << 20;
const temporaryDirectory = useTemporaryDirectory();

function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = (at ^ (at >> 8) ^ (at >> 16)) & 0xff;
  return bytes;
}

function opened(path: string, flags: string): number {
  const fd = openSync(path, flags);
  onTestFinished(() => closeSync(fd));
  return fd;
}

/** @returns how many bytes were copied, as the offers have it */
function copyAll(offers: ReturnType<typeof offerRanges>, fd: number, position: number): number {
  let at = position;
  for (let offer = offers.next(); ; offer = offers.next()) {
    if (offer.done) return offer.value;
    at += offer.value.copyTo(fd, at);
  }
}

describeOnLinux('a range of an open file', () => {
  const from = () => join(temporaryDirectory(), 'from');
  const to = () => join(temporaryDirectory(), 'to');
  const bytes = pattern(3 * MIB + 5);

  beforeEach(() => writeFileSync(from(), bytes));

  test('is copied to where it belongs, and nothing else is', () => {
    writeFileSync(to(), '0123456789');
    const length = 2 * MIB + 1;
    expect(copyAll(offerRanges(opened(from(), 'r'), 7, length), opened(to(), 'r+'), 5)).toBe(length);
    const expected = Buffer.concat([Buffer.from('01234'), bytes.subarray(7, 7 + length)]);
    expect(readFileSync(to()).equals(expected)).toBe(true);
  });

  test('is copied part by part, to several places', () => {
    const range = new OpenFileRange(opened(from(), 'r'), 1, 10);
    const fd = opened(to(), 'w');
    expect(range.copyTo(fd, 6, 4)).toBe(4);
    expect(range.copyTo(fd, 0, 7)).toBe(6);
    expect(range.copyTo(fd, 0)).toBe(0);
    expect(range.copied).toBe(10);
    expect(readFileSync(to())).toEqual(Buffer.concat([bytes.subarray(5, 11), bytes.subarray(1, 5)]));
  });

  test('ends where the file does by now', () => {
    const fd = opened(from(), 'r+');
    const range = new OpenFileRange(fd, 0, bytes.length);
    ftruncateSync(fd, 1000);
    const target = opened(to(), 'w');
    expect(range.copyTo(target, 0)).toBe(1000);
    expect(range.copyTo(target, 1000)).toBe(0);
    expect(range.copied).toBe(1000);
    expect(readFileSync(to()).equals(bytes.subarray(0, 1000))).toBe(true);
  });

  test.runIf(existsSync('/dev/shm'))('is copied to another file system', async () => {
    const path = join(await scratch('/dev/shm'), 'to');
    copyAll(offerRanges(opened(from(), 'r'), 0, bytes.length), opened(path, 'w'), 0);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  describe('is not copied, and that is no error,', () => {
    const copiedTo = (fd: number, source = opened(from(), 'r')) => {
      const range = new OpenFileRange(source, 0, bytes.length);
      const copied = range.copyTo(fd, 0);
      return [copied, range.copied];
    };

    test('to what cannot be written', () => expect(copiedTo(opened(from(), 'r'))).toEqual([0, 0]));

    test('to a disk that is full', () => expect(copiedTo(opened('/dev/full', 'w'))).toEqual([0, 0]));

    test('from what cannot be read so', () => {
      expect(copiedTo(opened(to(), 'w'), opened('/proc/self/status', 'r'))).toEqual([0, 0]);
      expect(copiedTo(opened(to(), 'w'), opened(temporaryDirectory(), 'r'))).toEqual([0, 0]);
      expect(readFileSync(to())).toHaveLength(0);
    });

    test('without native calls', () => {
      allowNativeCalls(false);
      onTestFinished(() => allowNativeCalls(true));
      expect(copiedTo(opened(to(), 'w'))).toEqual([0, 0]);
    });
  });
});

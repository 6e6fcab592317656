import { expect, test } from 'vitest';
import { clockDuration, exactBytes, formatDuration, renderBytes, renderFileSize, tarBytes } from './units.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

test.each([
  [0, 1, '0 B'],
  [-5, 1, '0 B'],
  [512, 1, '512.0 B'],
  [GIB, 1, '1.0 GiB'],
  [341.3 * MIB, 1, '341.3 MiB'],
  [12.34 * GIB, 2, '12.34 GiB'],
  [3 * 1024 ** 6, 1, '3072.0 PiB'],
])('renderBytes(%d, %d)', (bytes, decimals, text) => {
  expect(renderBytes(bytes, decimals)).toBe(text);
});

test.each([
  [0, '0 B'],
  [100, '100 B'],
  [1.5 * GIB, '1.5 GiB'],
  [1.2344 * GIB, '1.234 GiB'],
  [20 * MIB, '20 MiB'],
])('exactBytes(%d)', (bytes, text) => {
  expect(exactBytes(bytes)).toBe(text);
});

test.each([
  [0, '0KB'],
  [MIB - 1, '1023KB'],
  [MIB, '1MB'],
  [412.9 * MIB, '412MB'],
  [9.87 * GIB, '9.87GB'],
  [2.5 * 1024 * GIB, '2.50TB'],
])('renderFileSize(%d)', (bytes, text) => {
  expect(renderFileSize(bytes)).toBe(text);
});

// what GNU tar says of archives of these sizes
test.each([
  [0, '0B'],
  [512, '512B'],
  [10240, '10KiB'],
  [2048, '2.0KiB'],
  [4608, '4.5KiB'],
  [40960, '40KiB'],
  [1044992, '1021KiB'],
  [1085440000, '1.1GiB'],
  [9.95 * MIB, '10MiB'],
  [MIB - 1, '1.0MiB'],
])('tarBytes(%d)', (bytes, text) => {
  expect(tarBytes(bytes)).toBe(text);
});

test.each([
  [0, '0s', '00:00:00'],
  [3.9, '3s', '00:00:03'],
  [100, '1m 40s', '00:01:40'],
  [7203, '2h 3s', '02:00:03'],
  [93600, '1d 2h', '26:00:00'],
  [604800 + 60, '1w 1m', '168:01:00'],
])('%d seconds', (seconds, words, clock) => {
  expect([formatDuration(seconds), clockDuration(seconds)]).toEqual([words, clock]);
});

import { chunked, collect, noise } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { Meter, metered } from './pass-through.js';

test('tells mean rate and remaining time by the clock it was given', () => {
  let now = 5000;
  const meter = new Meter(1000, () => now);
  expect(meter.progress).toEqual({
    bytes: 0,
    total: 1000,
    elapsedSeconds: 0,
    bytesPerSecond: 0,
    remainingSeconds: undefined,
  });
  meter.add(100);
  meter.add(150);
  now += 500;
  expect(meter.progress).toEqual({
    bytes: 250,
    total: 1000,
    elapsedSeconds: 0.5,
    bytesPerSecond: 500,
    remainingSeconds: 1.5,
  });
});

test('nothing remains when more came than was expected', () => {
  let now = 0;
  const meter = new Meter(10, () => now);
  meter.add(20);
  now = 1000;
  expect(meter.progress.remainingSeconds).toBe(0);
});

test('without a total, the remaining time is unknown', () => {
  let now = 0;
  const meter = new Meter(undefined, () => now);
  meter.add(20);
  now = 1000;
  expect(meter.progress).toMatchObject({ total: undefined, bytesPerSecond: 20, remainingSeconds: undefined });
});

test('metered counts what passes, and passes it unchanged', async () => {
  const meter = new Meter();
  const bytes = noise(1000);
  expect((await collect(metered(meter)(chunked(bytes, 7)))).equals(bytes)).toBe(true);
  expect(meter.progress.bytes).toBe(1000);
});

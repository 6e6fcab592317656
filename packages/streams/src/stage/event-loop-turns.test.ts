import { beforeEach, expect, test, vi } from 'vitest';
import { EventLoopTurns } from './event-loop-turns.js';

/**
 * What the clock shows, in milliseconds: it goes on by work alone, so that a busy machine changes nothing.
 */
let now: number;

beforeEach(() => {
  now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return () => vi.restoreAllMocks();
});

function work(milliseconds: number): void {
  now += milliseconds;
}

/** How long it is until a turn is due, in steps of so many milliseconds. */
function timeUntilDue(turns: EventLoopTurns, step: number): number {
  const started = now;
  while (!turns.isDue) work(step);
  return now - started;
}

test.each([0.001, 0.01, 0.2, 3])('with steps of %d ms, a turn is due after 10 ms', async (step) => {
  const turns = new EventLoopTurns();
  for (let round = 0; round < 3; round++) {
    const time = timeUntilDue(turns, step);
    expect(time).toBeGreaterThan(9.9);
    expect(time).toBeLessThan(13.3);
    await turns.turn();
  }
});

test('steps that become long are noticed soon', () => {
  const turns = new EventLoopTurns();
  for (let steps = 0; steps < 200; steps++) turns.isDue;
  let steps = 0;
  for (; !turns.isDue; steps++) work(1);
  expect(steps).toBeLessThan(27);
});

test('a turn lets timers run, when it is due and not before', async () => {
  const turns = new EventLoopTurns();
  let ran = false;
  setImmediate(() => {
    ran = true;
  });
  await turns.turn();
  expect(ran).toBe(false);
  work(12);
  await turns.turn();
  expect(ran).toBe(true);
});

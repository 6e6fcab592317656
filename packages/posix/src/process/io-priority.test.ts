import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { describeOnLinux } from '../testing/conditions.js';
import { setIoPriority } from './io-priority.js';

/** As a program tells it that this process starts, which has what the starting thread has. */
function told(): string {
  return execFileSync('ionice', { encoding: 'utf8' }).trim();
}

describeOnLinux('the I/O priority', () => {
  test('of the calling thread, which what it starts inherits', () => {
    setIoPriority(0, { class: 'best-effort', level: 6 });
    expect(told()).toBe('best-effort: prio 6');
    setIoPriority(0, { class: 'idle', level: 7 });
    expect(told()).toBe('idle');
    setIoPriority(0, { class: 'best-effort', level: 4 });
    expect(told()).toBe('best-effort: prio 4');
  });

  test('of a thread that is not there', () => {
    expect(() => setIoPriority(0x7fff_ffff, { class: 'idle', level: 7 })).toThrow(
      expect.objectContaining({ code: 'ESRCH', syscall: 'ioprio_set' }),
    );
  });
});

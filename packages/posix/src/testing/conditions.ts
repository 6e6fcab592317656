import { afterEach, beforeEach, describe } from 'vitest';
import { allowNativeCalls } from '../native/native-calls.js';

/** The tests in `body` with native calls and without. */
export function describeBoth(name: string, body: (native: boolean) => void): void {
  describe.runIf(process.platform === 'linux')(`${name}, native`, () => body(true));
  describe(`${name}, portable`, () => {
    beforeEach(() => allowNativeCalls(false));
    afterEach(() => allowNativeCalls(true));
    body(false);
  });
}

export function describeOnLinux(name: string, body: () => void): void {
  describe.runIf(process.platform === 'linux')(name, body);
}

import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { allowNativeCalls } from '../native/native-calls.js';

/** On a machine that runs tests for others, what a test needs is there, or the test fails. */
const REQUIRED = process.env.CI !== undefined;

const isRoot = process.getuid?.() === 0;

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

export function testAsRoot(name: string, body: () => void | Promise<void>): void {
  testIf(isRoot, 'root', name, body);
}

/** A test that holds what we do against what a program says. */
export function testWithTool(tool: string, name: string, body: () => void | Promise<void>): void {
  testIf(spawnSync(tool, ['--version']).error === undefined, tool, `${tool}: ${name}`, body);
}

function testIf(met: boolean, condition: string, name: string, body: () => void | Promise<void>): void {
  if (met || REQUIRED) test(name, body);
  else test.skip(`${name} (skipped: needs ${condition})`, body);
}

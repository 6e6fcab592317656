import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testInDirectory } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { readXattr, runTool, writeXattr } from '../testing/tools.js';
import { CAPABILITIES, capabilitiesInGuest, capabilitiesOnHost } from './capabilities.js';
import { IdMap } from './id-map.js';

const REVISION_2 = Buffer.from('0100000200200000000000000000000000000000', 'hex'); // cap_net_raw+ep
const MAP = IdMap.parse(['b:0:100000:65536']);

function revision3(root: number): Buffer {
  const value = Buffer.concat([REVISION_2, Buffer.alloc(4)]);
  value[3] = 3;
  value.writeUInt32LE(root, 20);
  return value;
}

/** Runs a program as the superuser of a container with `MAP`. */
function inGuest(tool: string, args: readonly string[]): string {
  return runTool('lxc-usernsexec', ['-m', 'u:0:100000:65536', '-m', 'g:0:100000:65536', '--', tool, ...args]);
}

test('seen from the container', () => {
  expect(capabilitiesInGuest(REVISION_2, MAP)).toEqual(REVISION_2);
  expect(capabilitiesInGuest(revision3(0), MAP)).toEqual(REVISION_2);
  expect(capabilitiesInGuest(revision3(100_000), MAP)).toEqual(REVISION_2);
  expect(capabilitiesInGuest(revision3(101_000), MAP)).toEqual(revision3(1000));
  expect(capabilitiesInGuest(revision3(5), MAP)).toBeUndefined();
});

test('kept on the host', () => {
  expect(capabilitiesOnHost(REVISION_2, MAP)).toEqual(revision3(100_000));
  expect(capabilitiesOnHost(revision3(1000), MAP)).toEqual(revision3(101_000));
  expect(capabilitiesOnHost(revision3(70_000), MAP)).toBeUndefined();
});

test.each([
  ['empty', ''],
  ['of revision 1', '010000010020000000000000'],
  ['cut', REVISION_2.toString('hex').slice(2)],
  ['of revision 2 with an owner', `${REVISION_2.toString('hex')}a0860100`],
  ['of revision 3 without one', revision3(0).subarray(0, 20).toString('hex')],
  ['of revision 4', revision3(0).toString('hex').replace('01000003', '01000004')],
])('a value %s is none', (_, hex) => {
  expect(capabilitiesInGuest(Buffer.from(hex, 'hex'), MAP)).toBeUndefined();
  expect(capabilitiesOnHost(Buffer.from(hex, 'hex'), MAP)).toBeUndefined();
});

testInDirectory(
  ['root', 'lxc-usernsexec', 'setcap', 'getfattr', 'setfattr'],
  'as the kernel has it',
  (directory) => {
    chownSync(directory, 100_000, 100_000);
    const file = join(directory, 'program');
    writeFileSync(file, '');
    chownSync(file, 100_000, 100_000);

    for (const value of [REVISION_2, revision3(100_000), revision3(101_000)]) {
      writeXattr(file, CAPABILITIES, value);
      expect(readXattr(file, CAPABILITIES, inGuest)).toEqual(capabilitiesInGuest(value, MAP));
    }
    writeXattr(file, CAPABILITIES, revision3(5));
    expect(() => readXattr(file, CAPABILITIES, inGuest)).toThrow();

    for (const value of [REVISION_2, revision3(1000)]) {
      writeXattr(file, CAPABILITIES, value, inGuest);
      expect(readXattr(file, CAPABILITIES)).toEqual(capabilitiesOnHost(value, MAP));
    }
    expect(() => writeXattr(file, CAPABILITIES, revision3(70_000), inGuest)).toThrow('Invalid argument');
  },
);

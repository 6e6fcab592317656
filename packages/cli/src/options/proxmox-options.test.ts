import { expect, test } from 'vitest';
import { longName } from '../command.js';
import { vzdumpOptionSpecs } from './proxmox-options.js';
import { restoreOptionSpecs } from './restore-options.js';

test("all options of Proxmox VE's list formats add up", () => {
  const repeatable = [...vzdumpOptionSpecs, ...restoreOptionSpecs].filter((spec) => spec.repeatable);
  expect(repeatable.map(longName)).toEqual([
    ...['--exclude', '--exclude-path', '--mailto'],
    ...['--nameserver', '--searchdomain', '--tags'],
  ]);
});

import type { ArchiveWarning } from '@vzdump-format/streams';
import { expect, test } from 'vitest';
import { parseDatacenterConfig } from './datacenter-config.js';

function parse(text: string) {
  const warnings: ArchiveWarning[] = [];
  return { ...parseDatacenterConfig(text, { onWarning: (warning) => warnings.push(warning) }), warnings };
}

test('reads what concerns backups', () => {
  const result = parse('keyboard: de\nbwlimit: restore=10,clone=20\r\nmac_prefix: 02:ab:\nodd\n#x: y\n');
  expect(result.bandwidthLimits?.get('restore')).toBe(10);
  expect(result.macPrefix).toBe('02:ab');
  expect(result.warnings).toEqual([]);
});

test('nothing is said in an empty file', () => {
  expect(parse('')).toEqual({ bandwidthLimits: undefined, macPrefix: undefined, warnings: [] });
});

test.each(['01', 'BC:24:11:00', 'x', 'BC24', 'bc:2'])('mac_prefix: %s does not count', (prefix) => {
  const { macPrefix, warnings } = parse(`mac_prefix: ${prefix}\n`);
  expect(macPrefix).toBeUndefined();
  expect(warnings).toMatchObject([
    {
      code: 'CONFIG_LINE',
      message: `line 1: mac_prefix does not count: '${prefix}' is not the beginning of a MAC address`,
    },
  ]);
});

test('nor does a limit that is none', () => {
  expect(parse('\nbwlimit: fast\n').warnings).toMatchObject([
    { message: expect.stringMatching(/^line 2: bwlimit does/) },
  ]);
});

import type { ArchiveWarning } from '@vzdump-format/streams';
import { describe, expect, test } from 'vitest';
import { parseBandwidthLimits, parseDatacenterConfig, restoreBandwidthLimit } from './datacenter-config.js';

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

const limits = parseBandwidthLimits;

describe('parseBandwidthLimits', () => {
  test('reads what is there', () => {
    expect(Object.fromEntries(limits('default=10240,restore=0,migration=1.5,clone=1,move=2'))).toEqual({
      default: 10240,
      restore: 0,
      migration: 1.5,
      clone: 1,
      move: 2,
    });
  });

  test.each([
    ['10240', 'value without key, but schema does not define a default key'],
    [
      'backup=1',
      'backup: property is not defined in schema and the schema does not allow additional properties',
    ],
    ['restore=-1', "restore: type check ('number') failed - got '-1'"],
    ['restore=fast', "restore: type check ('number') failed - got 'fast'"],
  ])('%s is refused', (text, message) => {
    expect(() => limits(text)).toThrow(expect.objectContaining({ code: 'PROPERTY_STRING', message }));
  });
});

describe('restoreBandwidthLimit', () => {
  test.each([
    ['nobody says anything', { storages: [] }, undefined],
    ['a storage without one', { storages: [undefined] }, undefined],
    ['the only one', { storages: [limits('restore=100')] }, 100],
    ['restore before default', { storages: [limits('default=50,restore=100')] }, 100],
    ['default', { storages: [limits('default=50,clone=1')] }, 50],
    ['the smaller of two', { storages: [limits('restore=100'), limits('restore=50')] }, 50],
    [
      'the smaller of two, whatever the order',
      { storages: [limits('restore=50'), limits('restore=100')] },
      50,
    ],
    [
      'not the datacenter, when all have one',
      { storages: [limits('restore=100')], datacenter: limits('restore=10') },
      100,
    ],
    [
      'not the datacenter, when all have none as limit',
      { storages: [limits('restore=0')], datacenter: limits('default=10') },
      0,
    ],
    [
      'the datacenter, when one lacks it',
      { storages: [limits('restore=100'), undefined], datacenter: limits('default=10') },
      10,
    ],
    [
      'the smaller, when one lacks it',
      { storages: [limits('restore=5'), undefined], datacenter: limits('default=10') },
      5,
    ],
    [
      'the datacenter, when one has another',
      { storages: [limits('clone=1')], datacenter: limits('restore=10') },
      10,
    ],
    ['the datacenter alone', { storages: [], datacenter: limits('restore=10') }, 10],
    ['none after one lifts it', { storages: [limits('restore=100'), limits('restore=0')] }, 0],
    ['one after none sets it', { storages: [limits('restore=0'), limits('restore=100')] }, 100],
    [
      'what is asked for',
      { override: 500, storages: [limits('restore=100')], datacenter: limits('restore=10') },
      500,
    ],
    ['none, when that is asked for', { override: 0, storages: [limits('restore=100')] }, 0],
  ])('%s', (_name, options, expected) => {
    expect(restoreBandwidthLimit(options)).toBe(expected);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IdMap } from './id-map.js';

test('the map of unprivileged containers', () => {
  const map = IdMap.unprivileged;
  for (const kind of ['user', 'group'] as const) {
    expect(map.toHost(kind, 0)).toBe(100_000);
    expect(map.toHost(kind, 65_535)).toBe(165_535);
    expect(map.toHost(kind, 65_536)).toBeUndefined();
    expect(map.toGuest(kind, 100_000)).toBe(0);
    expect(map.toGuest(kind, 165_535)).toBe(65_535);
    expect(map.toGuest(kind, 165_536)).toBeUndefined();
    expect(map.toGuest(kind, 99_999)).toBeUndefined();
    expect(map.toGuest(kind, 0)).toBeUndefined();
  }
});

test('a user of the host passed through', () => {
  const map = IdMap.parse([
    'u 0 100000 1005',
    'g 0 100000 1007',
    'u 1005 1005 1',
    'g 1007 1007 1',
    'u 1006 101006 64530',
    'g 1008 101008 64528',
  ]);
  expect(map.toGuest('user', 1005)).toBe(1005);
  expect(map.toHost('user', 1005)).toBe(1005);
  expect(map.toGuest('group', 1005)).toBeUndefined();
  expect(map.toHost('group', 1005)).toBe(101_005);
  expect(map.toHost('user', 1006)).toBe(101_006);
  expect(map.toGuest('user', 101_005)).toBeUndefined();
});

test('users and groups each by themselves', () => {
  const map = IdMap.parse(['u:0:100000:10', ' g:0:200000:20 ']);
  expect(map.toHost('user', 9)).toBe(100_009);
  expect(map.toHost('user', 10)).toBeUndefined();
  expect(map.toHost('group', 10)).toBe(200_010);
  expect(map.toGuest('group', 100_000)).toBeUndefined();
});

test('what is mapped comes back', () => {
  const map = IdMap.parse(['b:0:4000000000:1000', 'b:5000:1:90', 'b:70000:70000:1', 'b:100000:100000:1000']);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 110_000 }), (id) => {
      const host = map.toHost('user', id);
      if (host !== undefined) expect(map.toGuest('user', host)).toBe(id);
    }),
  );
});

test('all ids there are', () => {
  const map = IdMap.parse(['b:0:0:4294967295']);
  expect(map.toHost('user', 4_294_967_294)).toBe(4_294_967_294);
  expect(map.toHost('user', 4_294_967_295)).toBeUndefined();
});

describe('what is no map', () => {
  test.each([
    [[], 'the map has a place for no user at all'],
    [['u:0:100000:65536'], 'the map has a place for no group at all'],
    [['g:0:100000:65536'], 'the map has a place for no user at all'],
    [['x:0:100000:65536'], 'not a range of ids: x:0:100000:65536'],
    [['b:0:100000'], 'not a range of ids: b:0:100000'],
    [['b:0:100000:0'], 'not a range of ids: b:0:100000:0'],
    [['b:-1:100000:1'], 'not a range of ids: b:-1:100000:1'],
    [['b:0:100000:65536:1'], 'not a range of ids: b:0:100000:65536:1'],
    [['b:0:4294967295:1'], 'not a range of ids: b:0:4294967295:1'],
    [['b:1:0:4294967295'], 'not a range of ids: b:1:0:4294967295'],
    [['b:0:99999999999:1'], 'not a range of ids: b:0:99999999999:1'],
    [['b:0x0:0:1'], 'not a range of ids: b:0x0:0:1'],
    [['b:0:100000:10', 'b:9:200000:10'], 'the map has two places for the user id 9'],
    [['b:0:100000:10', 'b:10:100009:10'], 'the map has two places for the user id 100009'],
    [['u:0:0:10', 'b:20:100:1', 'g:20:5:10'], 'the map has two places for the group id 20'],
    [
      Array.from({ length: 341 }, (_, id) => `b:${id}:${id}:1`),
      'the map has more than 340 ranges of user ids',
    ],
  ])('%#', (ranges, message) => {
    expect(() => IdMap.parse(ranges)).toThrow(expect.objectContaining({ code: 'ID_MAP', message }));
  });
});

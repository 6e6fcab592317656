import { describe, expect, test } from 'vitest';
import { parsePools, parseVmids, selectGuests } from './select-guests.js';

test('parsePools', () => {
  const text = `user:root@pam:1:0::::::
pool:production:All%3A of it:101,100;102 9x,:local:
pool:empty::::
  pool : nested/pool\t:: 300 :
pool:empty::400:
pool
pool::1:
token:pool:x:1
`;
  expect([...parsePools(text)].map(([id, members]) => [id, [...members]])).toEqual([
    ['production', [101, 100, 102]],
    ['empty', [400]],
    ['nested/pool', [300]],
  ]);
});

describe('parseVmids', () => {
  test('each once, in order', () => {
    expect(parseVmids(['103', '0100', '0', '20', '100', '000'])).toEqual([20, 100, 103]);
  });

  test.each(['100,101', '100;101', '100 101', '101,100,', ' 100\t101\n'])('a list in one: %j', (text) => {
    expect(parseVmids([text])).toEqual([100, 101]);
    expect(parseVmids(['99', text, ''])).toEqual([99, 100, 101]);
  });

  test.each(['web', '-1', '1.5', '1e3', '9'.repeat(17), '１００'])('strange: %j', (text) => {
    expect(() => parseVmids(['100', text])).toThrow(
      expect.objectContaining({ code: 'VMID', message: `strange VM ID '${text}'` }),
    );
  });
});

describe('selectGuests', () => {
  const known = {
    local: [101, 100, 102],
    external: [201, 200, 102],
    pools: new Map([
      ['some', new Set([200, 102, 999])],
      ['elsewhere', new Set([200])],
      ['empty', new Set<number>()],
    ]),
  };

  test.each([
    ['all', [], { all: true }, [100, 101, 102]],
    ['all but some', [], { all: true, exclude: [101, 200] }, [100, 102]],
    ['all but some, which is enough to say', [], { exclude: [101] }, [100, 102]],
    ['those named, even if there is no such guest', [103, 100], {}, [100, 103]],
    ['none', [], {}, []],
    ['none', [], { all: false, exclude: [] }, []],
  ])('%s', (_name, vmids, options, expected) => {
    expect(selectGuests(vmids, options, known)).toEqual({ vmids: expected, messages: [] });
  });

  test.each([
    [[201, 200], {}, 'the guests are on other nodes'],
    [[], { pool: 'empty' }, "the pool 'empty' is empty"],
    [[], { pool: 'elsewhere' }, 'the guests are on other nodes'],
    [[], { all: true, exclude: [100, 101, 102] }, 'all guests of this node are excluded'],
  ])('none: %j, %j', (vmids, options, whyNone) => {
    expect(selectGuests(vmids, options, known)).toMatchObject({ vmids: [], whyNone });
  });

  test('none, where there are none', () => {
    expect(selectGuests([], { all: true }, { ...known, local: [] })).toMatchObject({
      whyNone: 'there are no guests on this node',
    });
  });

  test('those on other nodes are skipped', () => {
    expect(selectGuests([201, 100, 200], {}, known)).toEqual({
      vmids: [100],
      messages: ['skip external VMs: 200, 201'],
    });
  });

  test('a pool, from which nothing is excluded', () => {
    expect(selectGuests([], { pool: 'some', exclude: [102] }, known)).toEqual({
      vmids: [102, 999],
      messages: ['skip external VMs: 200'],
    });
  });

  test.each(['other', 'constructor'])('there is no pool %s', (pool) => {
    expect(() => selectGuests([], { pool }, known)).toThrow(
      expect.objectContaining({ code: 'POOL_UNKNOWN', message: `pool '${pool}' does not exist` }),
    );
  });
});

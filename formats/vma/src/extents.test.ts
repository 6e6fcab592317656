import { seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { ClusterMap } from './extents.js';
import { CLUSTER_SIZE } from './format.js';

/** Clusters that one page of bits counts. */
const PAGE = 32768;
const TIB = 2 ** 40;

function mapOf(...sizes: number[]): ClusterMap {
  return new ClusterMap(sizes.map((size, index) => ({ id: index + 1, name: `d${index + 1}`, size })));
}

function add(map: ClusterMap, cluster: number, deviceId = 1): void {
  map.add({ deviceId, cluster, mask: 0 }, 512);
}

describe('a cluster is accepted once', () => {
  test('within a page, and when its page is full', () => {
    const map = mapOf(2 * PAGE * CLUSTER_SIZE);
    for (let cluster = 0; cluster < PAGE; cluster++) {
      add(map, cluster);
      if (cluster % 1000 === 7) expect(() => add(map, cluster - 3)).toThrow('comes twice');
    }
    for (const cluster of [0, 1, PAGE - 1]) {
      expect(() => add(map, cluster)).toThrow(
        expect.objectContaining({ code: 'VMA_DUPLICATE_CLUSTER', offset: 512 }),
      );
    }
    add(map, PAGE);
  });

  test('of each device', () => {
    const map = mapOf(CLUSTER_SIZE, CLUSTER_SIZE);
    add(map, 0, 1);
    add(map, 0, 2);
    expect(map.complete).toBe(true);
    expect(() => add(map, 0, 2)).toThrow('d2: cluster 0 comes twice');
  });
});

test.each([1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 17])('%d clusters in any order are complete', (count) => {
  const map = mapOf(count * CLUSTER_SIZE - 512);
  const random = seededRandom(count);
  const order = Array.from({ length: count }, (_, index) => ({ index, key: random(2 ** 31) }));
  for (const { index } of order.sort((a, b) => a.key - b.key)) {
    expect(map.complete).toBe(false);
    add(map, index);
  }
  expect(map.complete).toBe(true);
  expect(map.missing(0)).toEqual([]);
  expect(() => add(map, count)).toThrow(expect.objectContaining({ code: 'VMA_CLUSTER_RANGE' }));
});

test.each([
  [[], 0],
  [[0, 1, 2], 3],
  [[0, 2], 1],
  [[PAGE, PAGE + 1], 0],
  [Array.from({ length: PAGE }, (_, index) => index), PAGE],
  [Array.from({ length: PAGE + 9 }, (_, index) => index), PAGE + 9],
])('it tells the first that is missing (%#)', (present, first) => {
  const total = 2 * PAGE;
  const map = mapOf(total * CLUSTER_SIZE);
  for (const cluster of present) add(map, cluster);
  const [error, ...others] = map.missing(777);
  expect(others).toEqual([]);
  expect(error).toMatchObject({ code: 'VMA_MISSING_CLUSTERS', entry: 'd1', offset: 777 });
  expect(error!.message).toContain(
    `${total - present.length} of ${total} clusters are missing, the first is ${first};`,
  );
});

test('every incomplete device is named', () => {
  const map = mapOf(CLUSTER_SIZE, CLUSTER_SIZE, CLUSTER_SIZE);
  add(map, 0, 2);
  expect(map.missing(0).map(({ entry }) => entry)).toEqual(['d1', 'd3']);
});

test('no devices at all are complete', () => {
  expect(mapOf().complete).toBe(true);
});

test('a device that the header does not describe is refused', () => {
  expect(() => add(mapOf(512), 0, 7)).toThrow(
    expect.objectContaining({ code: 'VMA_UNKNOWN_DEVICE', offset: 512 }),
  );
});

test('a size that is not in sectors is refused', () => {
  expect(() => mapOf(512, 513)).toThrow(expect.objectContaining({ code: 'VMA_DEVICE_SIZE', entry: 'd2' }));
});

test('vmstate comes in order, and only it must', () => {
  const devices = [
    { id: 1, name: 'vmstate', size: 5 * CLUSTER_SIZE },
    { id: 2, name: 'drive-scsi0', size: 5 * CLUSTER_SIZE },
  ];
  const map = new ClusterMap(devices);
  add(map, 4, 2);
  add(map, 0, 1);
  add(map, 1, 1);
  for (const cluster of [3, 1, 0]) {
    expect(() => add(map, cluster, 1)).toThrow(expect.objectContaining({ code: 'VMA_VMSTATE_ORDER' }));
  }
  add(map, 2, 1);
});

describe('large devices', () => {
  test('the first, the middle and the last cluster of 16 TiB', () => {
    const map = mapOf(16 * TIB);
    const last = (16 * TIB) / CLUSTER_SIZE - 1;
    for (const cluster of [last, 0, 2 ** 27, 2 ** 28 - 2]) add(map, cluster);
    for (const cluster of [last, 0, 2 ** 27]) expect(() => add(map, cluster)).toThrow('comes twice');
    expect(() => add(map, last + 1)).toThrow('past the end');
    expect(map.missing(0)[0]!.message).toContain('the first is 1;');
  });

  test('cluster numbers to 2^32 - 1', () => {
    const map = mapOf(256 * TIB);
    for (const cluster of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1]) {
      add(map, cluster);
      expect(() => add(map, cluster)).toThrow('comes twice');
    }
  });

  test('in order, it does not matter how large they are', () => {
    const map = mapOf(TIB / 4);
    for (let cluster = 0; cluster < TIB / 4 / CLUSTER_SIZE; cluster++) add(map, cluster);
    expect(map.complete).toBe(true);
  });
});

describe('strewn clusters', () => {
  test('are counted up to 16384 pages begun, over all devices', () => {
    const map = mapOf(32 * TIB, 32 * TIB);
    for (let page = 0; page < 16384; page++) add(map, page * PAGE, 1 + (page & 1));
    expect(() => add(map, 1, 2)).toThrow(
      expect.objectContaining({ code: 'VMA_LIMIT', entry: 'd2', offset: 512 }),
    );
  });

  test('a page that is full makes room for another', () => {
    const map = mapOf(40 * TIB);
    for (let page = 0; page < 16384; page++) add(map, page * PAGE);
    for (let cluster = 1; cluster < PAGE; cluster++) add(map, cluster);
    add(map, 16384 * PAGE);
    expect(() => add(map, 16385 * PAGE)).toThrow(expect.objectContaining({ code: 'VMA_LIMIT' }));
  });
});

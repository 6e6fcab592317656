import { seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { GOODBYE_ITEM_SIZE, ITEM_HEADER_SIZE } from './format.js';
import { ChildTable, compareHashes, decodeGoodbyeItem, isGoodbyeTail, treeOrder } from './goodbye.js';

/** The order as the facts of the format give it: by what is the root of so many sorted items. */
function orderByRoots(length: number): number[] {
  const order = new Array<number>(length);
  const place = (position: number, first: number, count: number) => {
    if (count === 0) return;
    const power = 2 ** Math.floor(Math.log2(count));
    const threshold = power + power / 2 - 1;
    const root = count > threshold ? power - 1 : power - 1 - (threshold - count);
    order[position] = first + root;
    place(2 * position + 1, first, root);
    place(2 * position + 2, first + root + 1, count - root - 1);
  };
  place(0, 0, length);
  return order;
}

describe('the order of a goodbye table', () => {
  test.each(Array.from({ length: 101 }, (_, length) => length))('of %i children', (length) => {
    expect([...treeOrder(length)]).toEqual(orderByRoots(length));
  });

  test('of ten, and of many', () => {
    expect([...treeOrder(10)]).toEqual([6, 3, 8, 1, 5, 7, 9, 0, 2, 4]);
    for (const length of [1023, 1024, 1025, 20_000]) {
      expect([...treeOrder(length)]).toEqual(orderByRoots(length));
    }
  });
});

describe('a table of children', () => {
  test.each([0, 1, 15, 16, 17, 500])('of %i, encoded', (length) => {
    const random = seededRandom(length);
    const table = new ChildTable();
    for (let index = 0; index < length; index++) {
      // some share the high half, some all of it
      table.add(random(2 ** 32), random(4) * 2 ** 30, 100 + index * 10, 10, index % 3);
    }
    const bytes = new DataView(new ArrayBuffer(table.goodbyeSize + 5));
    expect(table.encode(bytes, 5, 100_000, 40)).toBe(false);

    const items = Array.from({ length: length + 1 }, (_, position) =>
      decodeGoodbyeItem(bytes, 5 + ITEM_HEADER_SIZE + position * GOODBYE_ITEM_SIZE),
    );
    const tail = items.pop()!;
    expect(isGoodbyeTail(tail)).toBe(true);
    expect(tail).toMatchObject({ distance: 99_960, size: table.goodbyeSize });
    const sorted = orderByRoots(length).map((rank, position) => ({ rank, item: items[position]! }));
    sorted.sort((a, b) => a.rank - b.rank);
    for (let rank = 1; rank < length; rank++) {
      expect(compareHashes(sorted[rank - 1]!.item, sorted[rank]!.item)).toBeLessThan(0);
    }
    const found = items.map(({ distance, size }) => `${100_000 - distance} ${size}`).sort();
    const children = Array.from({ length }, (_, index) => `${100 + index * 10} ${10 + (index % 3)}`);
    expect(found).toEqual(children.sort());
  });

  test('names of the same hash keep their order, and are told', () => {
    const table = new ChildTable();
    for (const start of [10, 20, 30]) table.add(7, 7, start, 10, 0);
    expect(table.encode(new DataView(new ArrayBuffer(table.goodbyeSize)), 0, 100, 0)).toBe(true);
    expect([...table.sorted()]).toEqual([0, 1, 2]);
  });

  test('knows its hashes, those that came before it was asked and after', () => {
    const table = new ChildTable();
    table.add(1, 2, 0, 0, 0);
    expect(table.isAsked).toBe(false);
    expect(table.has(1, 2)).toBe(true);
    expect(table.has(2, 1)).toBe(false);
    table.add(2, 1, 0, 0, 0);
    expect(table.has(2, 1)).toBe(true);
    table.clear();
    expect(table.isAsked).toBe(false);
    expect(table.has(1, 2)).toBe(false);
  });
});

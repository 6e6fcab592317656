import { seededRandom } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import {
  GOODBYE_ITEM_SIZE,
  GOODBYE_TAIL_MARKER,
  ITEM,
  ITEM_HEADER_SIZE,
  NAME_HASH_KEY,
  type U64,
} from './format.js';
import {
  ChildTable,
  compareHashes,
  decodeGoodbyeItem,
  isGoodbyeTail,
  SipHash,
  treeOrder,
} from './goodbye.js';

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

/**
 * The first of the vectors that the authors of SipHash publish: key 00..0f, messages of the bytes 00, 01, ….
 */
const PUBLISHED = [
  '310e0edd47db6f72',
  'fd67dc93c539f874',
  '5a4fa9d909806c0d',
  '2d7efbd796666785',
  'b7877127e09427cf',
  '8da699cd64557618',
  'cee3fe586e46c9cb',
  '37d1018bf50002ab',
  '6224939a79f5f593',
  'b0e4a90bdf82009e',
  'f3b9dd94c5bb5d7a',
  'a7ad6b22462fb3f4',
  'fbe50e86bc8f1e75',
  '903d84c02756ea14',
  'eef27a8e90ca23f7',
  'e545be4961ca29a1',
];

function hex({ high, low }: U64): string {
  const half = (number: number) => (number >>> 0).toString(16).padStart(8, '0');
  return half(high) + half(low);
}

function hashOf(key: readonly [U64, U64], bytes: Uint8Array): string {
  const sip = new SipHash(key);
  sip.hash(bytes, 0, bytes.length);
  return hex(sip);
}

test.each(PUBLISHED.map((expected, length) => ({ expected, length })))(
  'the published vector of $length bytes',
  ({ expected, length }) => {
    const key = [
      { low: 0x03020100, high: 0x07060504 },
      { low: 0x0b0a0908, high: 0x0f0e0d0c },
    ] as const;
    const hash = Buffer.from(
      hashOf(
        key,
        Uint8Array.from({ length }, (_, index) => index),
      ),
      'hex',
    );
    expect(hash.reverse().toString('hex')).toBe(expected);
  },
);

/** The same function over BigInt, written after the paper, to compare with where nothing is published. */
function referenceHash([k0, k1]: readonly [bigint, bigint], message: Uint8Array): bigint {
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ] as [bigint, bigint, bigint, bigint];
  const wrap = (value: bigint) => BigInt.asUintN(64, value);
  const rotate = (value: bigint, bits: bigint) => wrap(value << bits) | (value >> (64n - bits));
  const round = () => {
    v[0] = wrap(v[0] + v[1]);
    v[1] = rotate(v[1], 13n) ^ v[0];
    v[0] = rotate(v[0], 32n);
    v[2] = wrap(v[2] + v[3]);
    v[3] = rotate(v[3], 16n) ^ v[2];
    v[0] = wrap(v[0] + v[3]);
    v[3] = rotate(v[3], 21n) ^ v[0];
    v[2] = wrap(v[2] + v[1]);
    v[1] = rotate(v[1], 17n) ^ v[2];
    v[2] = rotate(v[2], 32n);
  };
  const padded = Buffer.alloc(message.length - (message.length % 8) + 8);
  padded.set(message);
  padded[padded.length - 1] = message.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v[3] ^= word;
    round();
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let count = 0; count < 4; count++) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

test('names of every length up to 300, and long ones', () => {
  const key = NAME_HASH_KEY.map((half) => BigInt(`0x${hex(half)}`)) as unknown as readonly [bigint, bigint];
  for (const length of [...Array(300).keys(), 4095, 65536]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 167 + length * 31) & 0xff);
    expect(hashOf(NAME_HASH_KEY, bytes)).toBe(referenceHash(key, bytes).toString(16).padStart(16, '0'));
  }
});

test('a part of a larger buffer', () => {
  const sip = new SipHash(NAME_HASH_KEY);
  const bytes = Buffer.from('xxxxfile.txtyyyy');
  sip.hash(bytes, 4, 12);
  expect(hex(sip)).toBe('967764f630c3da14'); // in the goodbye table of vector entry-v1
});

test('types of items are hashes of their names', () => {
  const renamed: Record<string, string> = {
    FORMAT_VERSION: 'VERSION',
    ENTRY: 'ENTRY_V2',
    ENTRY_V1: 'ENTRY',
  };
  const byOtherNames = ['PAYLOAD', 'PAYLOAD_REF', 'PAYLOAD_START', 'PAYLOAD_TAIL'];
  for (const type of Object.values(ITEM).filter(({ name }) => !byOtherNames.includes(name))) {
    const text = `__PROXMOX_FORMAT_${renamed[type.name] ?? type.name}__`;
    expect(hex(type), text).toBe(hashOf(NAME_HASH_KEY, Buffer.from(text)));
  }
  expect(hex(GOODBYE_TAIL_MARKER)).toBe('ef5eed5b753e1555');
});

import type { ByteRange } from '@vzdump-format/streams';
import { expect, test } from 'vitest';
import { NbdClient } from './client.js';
import { NbdSource } from './nbd-source.js';
import {
  CONTEXT_ID,
  chunk,
  fakeServer,
  handshake,
  nextRequest,
  type Offer,
  u32,
} from './testing/fake-server.js';

const GIBI = 1024 ** 3;
const DATA = 0;
const ZERO = 2;
const HOLE_OF_UNKNOWN_CONTENT = 1;
const ZERO_HOLE = 3;

/** A server that tells these extents, from whatever offset it is asked for. */
async function serverWith(
  extents: readonly (readonly [length: number, flags: number])[],
  offer: Partial<Offer> = {},
) {
  const size = extents.reduce((sum, [length]) => sum + length, 0);
  return fakeServer(async (peer) => {
    await handshake(peer, { size, ...offer });
    for (;;) {
      const { command, cookie, offset, length } = await nextRequest(peer);
      if (command === 2) return void peer.socket.end();
      await peer.send(chunk(cookie, 5, true, u32(CONTEXT_ID), ...within(extents, offset, offset + length)));
    }
  });
}

function within(extents: readonly (readonly [number, number])[], start: number, end: number): Buffer[] {
  const found: Buffer[] = [];
  let position = 0;
  for (const [length, flags] of extents) {
    const overlap = Math.min(end, position + length) - Math.max(start, position);
    if (overlap > 0) found.push(u32(overlap), u32(flags));
    position += length;
  }
  return found;
}

async function allData(source: NbdSource): Promise<ByteRange[]> {
  const ranges: ByteRange[] = [];
  for (let position = 0; ; position = ranges.at(-1)!.end) {
    const range = await source.nextData(position);
    if (range === undefined) return ranges;
    ranges.push(range);
  }
}

test('adjacent data is one range, and one answer serves a whole walk', async () => {
  await using server = await serverWith([
    [4096, ZERO],
    [8192, DATA],
    [512, HOLE_OF_UNKNOWN_CONTENT],
    [1000, ZERO_HOLE],
    [3000, DATA],
    [5000, ZERO],
  ]);
  const source = new NbdSource(await NbdClient.connect(server.path));
  expect(await allData(source)).toEqual([
    { start: 4096, end: 12_800 },
    { start: 13_800, end: 16_800 },
  ]);
  expect(await source.nextData(5000)).toEqual({ start: 5000, end: 12_800 });
  expect(await source.nextData(12_800)).toEqual({ start: 13_800, end: 16_800 });
  expect(await source.nextData(source.size)).toBeUndefined();
  expect(server.peers[0]!.heard.filter((line) => line.startsWith('command'))).toEqual([
    'command 7 at 0, 21800 bytes',
  ]);
  await source.close();
});

test('a range past 4 GiB is asked for in bounded parts', async () => {
  await using server = await serverWith([
    [3 * GIBI, ZERO],
    [3 * GIBI, ZERO],
    [512, DATA],
    [GIBI, ZERO],
  ]);
  const source = new NbdSource(await NbdClient.connect(server.path));
  expect(await allData(source)).toEqual([{ start: 6 * GIBI, end: 6 * GIBI + 512 }]);
  const asked = server.peers[0]!.heard.filter((line) => line.startsWith('command'));
  expect(asked).toHaveLength(8);
  expect(asked[6]).toBe(`command 7 at ${6 * GIBI}, ${GIBI} bytes`);
  await source.close();
});

test('a server that does not know block status has data everywhere', async () => {
  await using server = await serverWith([[100_000, ZERO]], { allocation: false });
  const source = new NbdSource(await NbdClient.connect(server.path));
  expect(await allData(source)).toEqual([{ start: 0, end: 100_000 }]);
  await source.close();
});

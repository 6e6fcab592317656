import { ArchiveError } from '@vzdump-format/streams';
import { expect, test } from 'vitest';
import { NbdClient } from './client.js';
import { answering, CONTENT, expectedRead, wellBehaved } from './testing/content.js';
import { failureOf } from './testing/failure.js';
import {
  CONTEXT_ID,
  chunk,
  chunkHeader,
  type Delivery,
  fakeServer,
  GREETING,
  handshake,
  type Peer,
  type Request,
  reply,
  simpleReply,
  u16,
  u32,
  u64,
} from './testing/fake-server.js';

const READ = 4 * 1024;
const data = (length: number) => CONTENT.subarray(0, length);
type Answer = (cookie: bigint) => Buffer[];
const VIOLATIONS: Readonly<Record<string, Answer>> = {
  'wrong magic': () => [Buffer.alloc(20, 0x11)],
  'wrong cookie': (cookie) => [chunk(cookie + 1n, 1, true, u64(0), data(READ))],
  'a chunk of 4 GiB': (cookie) => [chunkHeader(cookie, 1, true, 0xffff_ffff)],
  'a byte more than asked for': (cookie) => [chunk(cookie, 1, true, u64(0), data(READ + 1))],
  'bytes behind the range': (cookie) => [chunk(cookie, 1, true, u64(1), data(READ))],
  'an offset past 2^53': (cookie) => [chunk(cookie, 1, true, Buffer.alloc(8, 0xff), data(1))],
  'a chunk without bytes': (cookie) => [chunk(cookie, 1, false, u64(0))],
  'a hole larger than the read': (cookie) => [chunk(cookie, 2, true, u64(0), u32(0xffff_ffff))],
  'an empty hole': (cookie) => [chunk(cookie, 2, false, u64(0), u32(0))],
  'a hole of the wrong length': (cookie) => [chunk(cookie, 2, true, u64(0), u64(READ))],
  'the same bytes twice': (cookie) => [
    chunk(cookie, 1, false, u64(0), data(100)),
    chunk(cookie, 2, true, u64(99), u32(READ - 99)),
  ],
  'a gap in the middle': (cookie) => [
    chunk(cookie, 1, false, u64(0), data(100)),
    chunk(cookie, 2, true, u64(101), u32(READ - 101)),
  ],
  'nothing at all': (cookie) => [chunk(cookie, 0, true)],
  'NONE that is not the last': (cookie) => [chunk(cookie, 0, false)],
  'NONE with data': (cookie) => [chunk(cookie, 0, true, u32(1))],
  'an unknown type of chunk': (cookie) => [chunk(cookie, 99, true, u64(0), data(READ))],
  'a simple reply': (cookie) => [simpleReply(cookie, 0, data(READ))],
  'an endless error': (cookie) => [chunkHeader(cookie, 0x8001, true, 0xffff_ffff)],
  'an error too short': (cookie) => [chunk(cookie, 0x8001, true, u32(5))],
  'an error message longer than its chunk': (cookie) => [chunk(cookie, 0x8001, true, u32(5), u16(100))],
  'block status for a read': (cookie) => [chunk(cookie, 5, true, u32(CONTEXT_ID), u32(READ), u32(0))],
  'chunks without end': (cookie) => Array<Buffer>(17_000).fill(chunk(cookie, 0x8001, false, u32(5), u16(0))),
};

for (const [name, answer] of Object.entries(VIOLATIONS)) {
  test(`a reply to a read with ${name} ends the client with one error for all`, async () => {
    // The connection stays open, so it is the client that has to find the fault.
    await using server = await answering(async (peer, { cookie, offset }) => {
      if (offset === 0) await peer.send(...answer(cookie));
    });
    const client = await NbdClient.connect(server.path);
    const work = [client.read(Buffer.alloc(READ), 0), client.read(Buffer.alloc(READ), READ)];
    const [first, second] = await Promise.all(work.map(failureOf));
    expect(first!.code).toBe('NBD_PROTOCOL');
    expect(second).toBe(first);
    expect(await failureOf(client.blockStatus(0, 1))).toBe(first);
    await client.close();
  });
}

const STATUS_VIOLATIONS: Readonly<Record<string, Answer>> = {
  'another context': (cookie) => [chunk(cookie, 5, true, u32(CONTEXT_ID + 1), u32(1), u32(0))],
  'an empty extent': (cookie) => [chunk(cookie, 5, true, u32(CONTEXT_ID), u32(0), u32(0))],
  'no extents': (cookie) => [chunk(cookie, 5, true, u32(CONTEXT_ID))],
  'half an extent': (cookie) => [chunk(cookie, 5, true, u32(CONTEXT_ID), u32(1))],
  'no answer': (cookie) => [chunk(cookie, 0, true)],
  'two answers': (cookie) => [
    chunk(cookie, 5, false, u32(CONTEXT_ID), u32(1), u32(0)),
    chunk(cookie, 5, true, u32(CONTEXT_ID), u32(1), u32(0)),
  ],
  '4 GiB of extents': (cookie) => [chunkHeader(cookie, 5, true, 0xffff_fffc)],
  'a simple reply': (cookie) => [simpleReply(cookie, 0)],
};

for (const [name, answer] of Object.entries(STATUS_VIOLATIONS)) {
  test(`block status with ${name} ends the client`, async () => {
    await using server = await answering((peer, { cookie }) => peer.send(...answer(cookie)));
    const client = await NbdClient.connect(server.path);
    expect((await failureOf(client.blockStatus(0, 100))).code).toBe('NBD_PROTOCOL');
    await client.close();
  });
}

test('chunks where none were agreed on end the client', async () => {
  const answer = (peer: Peer, { cookie }: Request) => peer.send(chunk(cookie, 1, true, u64(0), data(10)));
  await using server = await answering(answer, { structured: false });
  const client = await NbdClient.connect(server.path);
  expect((await failureOf(client.read(Buffer.alloc(10), 0))).code).toBe('NBD_PROTOCOL');
});

const GREETING_VIOLATIONS: Readonly<Record<string, (peer: Peer) => Promise<void>>> = {
  'no NBD server': (peer) => peer.send(Buffer.from('SSH-2.0-OpenSSH_9.2p1\r\n')),
  'an oldstyle server': (peer) => peer.send(Buffer.from('NBDMAGIC'), '00420281861253', Buffer.alloc(140)),
  'a server without options': (peer) => peer.send(GREETING, '0000'),
  'a reply to another option': async (peer) => {
    await peer.send(GREETING, '0003');
    await reply(peer, 9, 1);
  },
  'a reply with another magic': (peer) => peer.send(GREETING, '0003', Buffer.alloc(20, 1)),
  'a reply of 4 GiB': (peer) => peer.send(GREETING, '0003', '0003e889045565a90000000800000001ffffffff'),
  'replies without end': async (peer) => {
    await peer.send(GREETING, '0003');
    for (let count = 0; count < 65; count++) await reply(peer, 8, 3, u16(9));
  },
  'an export without a size': async (peer) => {
    await peer.send(GREETING, '0003');
    await reply(peer, 8, 0x80000001);
    await reply(peer, 7, 1);
  },
  'an export of 2^64 bytes': async (peer) => {
    await peer.send(GREETING, '0003');
    await reply(peer, 8, 0x80000001);
    await reply(peer, 7, 3, u16(0), Buffer.alloc(8, 0xff), u16(3));
    await reply(peer, 7, 1);
  },
  'blocks of three bytes': (peer) => handshake(peer, { size: 9, blocks: { minimum: 3, maximum: 9 } }),
  'blocks of no bytes': (peer) => handshake(peer, { size: 9, blocks: { minimum: 0, maximum: 9 } }),
  'a maximum below the minimum': (peer) => handshake(peer, { size: 9, blocks: { minimum: 8, maximum: 7 } }),
};

for (const [name, conversation] of Object.entries(GREETING_VIOLATIONS)) {
  test(`${name} is refused`, async () => {
    await using server = await fakeServer(conversation);
    expect((await failureOf(NbdClient.connect(server.path))).code).toBe('NBD_PROTOCOL');
  });
}

/** A whole session: everything a server may say is said. */
async function session(path: string): Promise<Buffer> {
  const client = await NbdClient.connect(path);
  try {
    const buffer = Buffer.alloc(30);
    await client.blockStatus(0, 30);
    await client.read(buffer, 0);
    return buffer;
  } finally {
    await client.close();
  }
}

async function sessionWith(delivery: Delivery): Promise<unknown> {
  await using server = await fakeServer(wellBehaved, delivery);
  return await session(server.path).catch((error: unknown) => error);
}

test('a connection that breaks after any byte is an error, never a hang', async () => {
  await using server = await fakeServer(wellBehaved);
  expect(await session(server.path)).toEqual(expectedRead(0, 30));
  const whole = server.peers[0]!.bytesSent;
  expect(whole).toBeGreaterThan(200);
  for (let hangUpAfter = 0; hangUpAfter < whole; hangUpAfter++) {
    expect(await sessionWith({ hangUpAfter }), `after ${hangUpAfter}`).toMatchObject({
      code: 'NBD_DISCONNECTED',
    });
  }
});

test('a session with any byte damaged ends, in an ArchiveError if in an error', async () => {
  await using server = await fakeServer(wellBehaved);
  await session(server.path);
  const whole = server.peers[0]!.bytesSent;
  let noticed = 0;
  for (let flipAt = 0; flipAt < whole; flipAt++) {
    const result = await sessionWith({ flipAt });
    if (Buffer.isBuffer(result)) continue; // the content itself was damaged
    expect(result, `at ${flipAt}`).toBeInstanceOf(ArchiveError);
    if ((result as ArchiveError).code === 'NBD_PROTOCOL') noticed++;
  }
  expect(noticed).toBeGreaterThan(100);
});

import {
  CONTEXT_ID,
  chunk,
  fakeServer,
  handshake,
  nextRequest,
  type Offer,
  type Peer,
  type Request,
  u32,
  u64,
} from './fake-server.js';

/** 64 KiB in which every offset looks different from its neighbours. */
export const CONTENT = Buffer.from(
  Array.from({ length: 64 * 1024 }, (_, index) => (index * 7 + (index >> 8)) & 0xff),
);

/** A server that serves CONTENT in a fixed way: a data chunk, a hole chunk, the rest. */
export async function wellBehaved(peer: Peer): Promise<void> {
  await handshake(peer, { size: CONTENT.length });
  for (;;) {
    const { command, cookie, offset, length } = await nextRequest(peer);
    if (command === 2) return void peer.socket.end();
    if (command === 7) {
      await peer.send(chunk(cookie, 5, true, u32(CONTEXT_ID), u32(length), u32(0)));
    } else {
      const third = Math.floor(length / 3);
      const bytes = CONTENT.subarray(offset, offset + length);
      await peer.send(chunk(cookie, 1, false, u64(offset + third), bytes.subarray(third)));
      await peer.send(chunk(cookie, 2, true, u64(offset), u32(third)));
    }
  }
}

/** What `wellBehaved` makes of a read. */
export function expectedRead(offset: number, length: number): Buffer {
  const bytes = Buffer.from(CONTENT.subarray(offset, offset + length));
  return bytes.fill(0, 0, Math.floor(length / 3));
}

/** A server that shakes hands properly, then answers each request as the test says. */
export async function answering(
  answer: (peer: Peer, request: Request) => Promise<void>,
  offer: Partial<Offer> = {},
) {
  return fakeServer(async (peer) => {
    await handshake(peer, { size: CONTENT.length, ...offer });
    for (;;) {
      const request = await nextRequest(peer);
      if (request.command === 2) return void peer.socket.end();
      await answer(peer, request);
    }
  });
}

import { expect, test } from 'vitest';
import { NbdClient } from './client.js';
import { answering, CONTENT, expectedRead, wellBehaved } from './testing/content.js';
import { failureOf } from './testing/failure.js';
import {
  CONTEXT_ID,
  chunk,
  fakeServer,
  GREETING,
  type Request,
  reply,
  simpleReply,
  u16,
  u32,
  u64,
} from './testing/fake-server.js';

const KIBI = 1024;

test('reads, in pieces of any size, and tells what it agreed on', async () => {
  for (const pieceSize of [1, 7, 19, 4096, 1 << 20]) {
    await using server = await fakeServer(wellBehaved, { pieceSize });
    const client = await NbdClient.connect(server.path, { exportName: 'dïsk' });
    expect([client.size, client.readOnly, client.knowsBlockStatus]).toEqual([CONTENT.length, true, true]);
    const buffer = Buffer.alloc(300, 0xee);
    expect(await client.read(buffer, 1000)).toBe(300);
    expect(buffer).toEqual(expectedRead(1000, 300));
    expect(await client.read(buffer, CONTENT.length - 3)).toBe(3);
    expect(await client.read(buffer, CONTENT.length)).toBe(0);
    expect(await client.read(buffer, CONTENT.length + 1000)).toBe(0);
    const sent = server.peers[0]!.bytesSent;
    expect(client.bytesReceived).toBe(sent);
    await client.close();
    await server.conversationsEnd();
    expect(server.peers[0]!.heard).toEqual([
      'option 8 ',
      expect.stringMatching(/^option 10 .*dÃ¯sk.*base:allocation$/s),
      expect.stringMatching(/^option 7 .*dÃ¯sk/s),
      'command 0 at 1000, 300 bytes',
      'command 0 at 65533, 3 bytes',
      'command 2 at 0, 0 bytes',
    ]);
  }
});

test('a large read is cut to the maximum, a few at a time, and the replies may come in any order', async () => {
  const waiting: Request[] = [];
  let most = 0;
  const blocks = { minimum: 1, maximum: 4 * KIBI };
  await using server = await answering(
    async (peer, request) => {
      waiting.push(request);
      most = Math.max(most, waiting.length);
      if (waiting.length < 8) return;
      for (const { cookie, offset, length } of waiting.splice(0).reverse()) {
        await peer.send(chunk(cookie, 1, false, u64(offset), CONTENT.subarray(offset, offset + length)));
        await peer.send(chunk(cookie, 0, true));
      }
    },
    { blocks },
  );
  const client = await NbdClient.connect(server.path);
  const buffer = Buffer.alloc(CONTENT.length);
  expect(await client.read(buffer, 0)).toBe(CONTENT.length);
  expect(buffer.equals(CONTENT)).toBe(true);
  expect(most).toBe(8);
  await client.close();
});

test('a server that works in blocks is asked for whole blocks only', async () => {
  const size = CONTENT.length - 100;
  const lengths: number[] = [];
  await using server = await answering(
    async (peer, { cookie, offset, length }) => {
      lengths.push(length);
      expect(offset % 512).toBe(0);
      expect(length % 512 === 0 || offset + length === size).toBe(true);
      await peer.send(chunk(cookie, 1, true, u64(offset), CONTENT.subarray(offset, offset + length)));
    },
    { size, blocks: { minimum: 512, maximum: 4 * KIBI + 17 } },
  );
  const client = await NbdClient.connect(server.path);
  for (const [offset, length] of [
    [0, 512],
    [1, 1],
    [500, 9000],
    [512, 20_000],
    [size - 700, 700],
  ] as const) {
    const buffer = Buffer.alloc(length);
    expect(await client.read(buffer, offset)).toBe(length);
    expect(buffer.equals(CONTENT.subarray(offset, offset + length))).toBe(true);
  }
  expect(Math.max(...lengths)).toBe(4 * KIBI);
  await client.close();
});

test('without structured replies, all is data and replies are simple', async () => {
  await using server = await answering(
    async (peer, { cookie, offset, length }) => {
      const failing = offset === 666;
      const data = failing ? Buffer.alloc(0) : CONTENT.subarray(offset, offset + length);
      await peer.send(simpleReply(cookie, failing ? 5 : 0, data));
    },
    { structured: false },
  );
  const client = await NbdClient.connect(server.path);
  expect(client.knowsBlockStatus).toBe(false);
  expect(await client.blockStatus(10, 1e9)).toEqual([
    { offset: 10, length: CONTENT.length - 10, zero: false, hole: false },
  ]);
  const failed = await failureOf(client.read(Buffer.alloc(9), 666));
  expect(failed).toMatchObject({ code: 'NBD_READ', offset: 666 });
  expect(failed.message).toContain('EIO');
  const buffer = Buffer.alloc(5000);
  await client.read(buffer, 3);
  expect(buffer.equals(CONTENT.subarray(3, 5003))).toBe(true);
  await client.close();
});

test('block status is cut to what was asked for', async () => {
  await using server = await answering(
    async (peer, { cookie }) => {
      const extents = [1024, 3, 2048, 2, 512, 1, 1 << 30, 0].map(u32);
      await peer.send(chunk(cookie, 5, true, u32(CONTEXT_ID), ...extents));
    },
    { blocks: { minimum: 512, maximum: 4096 } },
  );
  const client = await NbdClient.connect(server.path);
  expect(await client.blockStatus(1000, 5000)).toEqual([
    { offset: 1000, length: 536, zero: true, hole: true },
    { offset: 1536, length: 2048, zero: true, hole: false },
    { offset: 3584, length: 512, zero: false, hole: true },
    { offset: 4096, length: 1904, zero: false, hole: false },
  ]);
  expect(server.peers[0]!.heard.at(-1)).toBe('command 7 at 512, 5632 bytes');
  expect(await client.blockStatus(CONTENT.length, 10)).toEqual([]);
  await client.close();
});

test('an error chunk fails its read only, after the rest of the reply', async () => {
  await using server = await answering(async (peer, { cookie, offset, length }) => {
    if (offset === 0) {
      const message = Buffer.from('the disk is tired');
      await peer.send(chunk(cookie, 0x8002, false, u32(5), u16(message.length), message, u64(100)));
      await peer.send(chunk(cookie, 2, true, u64(50), u32(10)));
    } else {
      await peer.send(chunk(cookie, 2, true, u64(offset), u32(length)));
    }
  });
  const client = await NbdClient.connect(server.path);
  const failed = await failureOf(client.read(Buffer.alloc(200), 0));
  expect(failed.code).toBe('NBD_READ');
  expect(failed.message).toBe(
    'the NBD server cannot read 200 bytes: the disk is tired (EIO, input/output error) (at byte 0)',
  );
  const buffer = Buffer.alloc(200, 1);
  expect(await client.read(buffer, 200)).toBe(200);
  expect(buffer.equals(Buffer.alloc(200))).toBe(true);
  await client.close();
});

test('a read that fails waits for all its parts, so that nothing writes to the buffer afterwards', async () => {
  const reads: Request[] = [];
  await using server = await answering(
    async (peer, request) => {
      if (request.command === 7) {
        await peer.send(chunk(request.cookie, 5, true, u32(CONTEXT_ID), u32(request.length), u32(0)));
      } else if (reads.push(request) === 1) {
        await peer.send(chunk(request.cookie, 0x8001, true, u32(5), u16(0)));
      }
    },
    { blocks: { minimum: 1, maximum: 4 * KIBI } },
  );
  const client = await NbdClient.connect(server.path);
  const buffer = Buffer.alloc(8 * KIBI);
  let settled = false;
  const failed = failureOf(client.read(buffer, 0)).finally(() => {
    settled = true;
  });
  await client.blockStatus(0, 100); // its answer comes after the error
  expect(settled).toBe(false);
  const second = reads[1]!;
  const bytes = CONTENT.subarray(second.offset, second.offset + second.length);
  await server.peers[0]!.send(chunk(second.cookie, 1, true, u64(second.offset), bytes));
  expect((await failed).code).toBe('NBD_READ');
  expect(buffer.subarray(4 * KIBI).equals(bytes)).toBe(true);
  await client.close();
});

test('a server that refuses the export is quoted', async () => {
  await using server = await fakeServer(async (peer) => {
    await peer.send(GREETING, '0003');
    await reply(peer, 8, 0x80000001);
    await reply(peer, 7, 0x80000006, Buffer.from('never heard\nof it'));
  });
  const refused = await failureOf(NbdClient.connect(server.path, { exportName: 'x' }));
  expect(refused.code).toBe('NBD_REFUSED');
  expect(refused.message).toBe("the NBD server refuses the export 'x': never heard of it");
});

test('closing fails what waits, and does not wait for a silent server', async () => {
  await using server = await answering(async () => {});
  const client = await NbdClient.connect(server.path);
  const reads = [0, 1, 2].map((offset) => failureOf(client.read(Buffer.alloc(10 * KIBI), offset)));
  await client.close();
  for (const error of await Promise.all(reads)) expect(error.code).toBe('NBD_CLOSED');
  expect((await failureOf(client.read(Buffer.alloc(1), 0))).code).toBe('NBD_CLOSED');
  await client.close();
});

test('a signal aborts the handshake', async () => {
  const reason = new Error('changed my mind');
  const controller = new AbortController();
  await using server = await fakeServer(async (peer) => {
    await peer.send(GREETING, '0003');
    await peer.read(4);
    controller.abort(reason);
  });
  await expect(NbdClient.connect(server.path, { signal: controller.signal })).rejects.toBe(reason);
  await expect(NbdClient.connect(server.path, { signal: controller.signal })).rejects.toBe(reason);
});

test('nobody listening is an error with its cause', async () => {
  const error = await failureOf(NbdClient.connect('/nowhere/server.sock'));
  expect(error.code).toBe('NBD_CONNECT');
  expect(error.cause).toMatchObject({ code: 'ENOENT' });
});

test('a nonsensical offset is refused before anything is sent', async () => {
  await using server = await fakeServer(wellBehaved);
  const client = await NbdClient.connect(server.path);
  for (const offset of [-1, 0.5, Number.NaN]) {
    await expect(client.read(Buffer.alloc(1), offset)).rejects.toThrow(RangeError);
    await expect(client.blockStatus(offset, 1)).rejects.toThrow(RangeError);
  }
  await client.close();
});

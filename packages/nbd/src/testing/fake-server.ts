import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { ByteReader } from '@vzdump-format/streams';

export const GREETING = Buffer.from('NBDMAGICIHAVEOPT');
const OPTION_REPLY_MAGIC = '0003e889045565a9';

/**
 * The server's end of one connection. Numbers are written out here, so that they check those of the client.
 */
export class Peer {
  readonly reader: ByteReader;
  /** The options and requests that came, in order. */
  readonly heard: string[] = [];
  private sent = 0;

  constructor(
    readonly socket: Socket,
    private readonly delivery: Delivery,
  ) {
    this.reader = new ByteReader(socket);
  }

  /** Sends bytes given in hexadecimal or as such, as the test wants them delivered. */
  async send(...parts: readonly (string | Uint8Array)[]): Promise<void> {
    const { pieceSize = Number.MAX_SAFE_INTEGER, hangUpAfter, flipAt } = this.delivery;
    const bytes = Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part)),
    );
    const damaged = flipAt !== undefined && flipAt >= this.sent && flipAt < this.sent + bytes.length;
    if (damaged) bytes[flipAt - this.sent]! ^= 0x81;
    const allowed = bytes.subarray(0, Math.max(0, (hangUpAfter ?? Number.MAX_SAFE_INTEGER) - this.sent));
    this.sent += bytes.length;
    for (let at = 0; at < allowed.length; at += pieceSize) {
      const piece = allowed.subarray(at, at + pieceSize);
      await new Promise((resolve) => this.socket.write(piece, resolve));
      await setImmediate(); // a turn of the event loop, in which the client receives this piece alone
    }
    if (damaged || allowed.length < bytes.length) this.socket.end();
  }

  get bytesSent(): number {
    return this.sent;
  }

  async read(length: number): Promise<Buffer> {
    return Buffer.from(await this.reader.read(length));
  }
}

export interface Delivery {
  /** Bytes to a write. */
  readonly pieceSize?: number;
  /** Ends the connection when this many bytes have been sent. */
  readonly hangUpAfter?: number;
  /** Damages the byte at this position of all that is sent, and ends the connection after that message. */
  readonly flipAt?: number;
}

export interface FakeServer extends AsyncDisposable {
  readonly path: string;
  readonly peers: readonly Peer[];
  /** Resolves when all conversations so far are over. */
  conversationsEnd(): Promise<void>;
}

/** Listens on a Unix socket. A conversation that returns leaves the connection open. */
export async function fakeServer(
  conversation: (peer: Peer) => Promise<void>,
  delivery: Delivery = {},
): Promise<FakeServer> {
  const directory = await mkdtemp(join(tmpdir(), 'nbd-test-'));
  const path = join(directory, 'server.sock');
  const peers: Peer[] = [];
  const conversations: Promise<void>[] = [];
  const server = createServer((socket) => {
    const peer = new Peer(socket, delivery);
    socket.on('error', () => {}); // the client may leave at any time
    peers.push(peer);
    conversations.push(conversation(peer).catch(() => void socket.destroy()));
  });
  server.listen(path);
  await once(server, 'listening');
  const close = async () => {
    for (const peer of peers) peer.socket.destroy();
    server.close();
    await rm(directory, { recursive: true });
  };
  const conversationsEnd = async () => void (await Promise.all(conversations));
  return { path, peers, conversationsEnd, [Symbol.asyncDispose]: close };
}

export interface Offer {
  readonly size: number;
  readonly flags?: number;
  readonly structured?: boolean;
  readonly allocation?: boolean;
  readonly blocks?: { readonly minimum: number; readonly maximum: number };
}

export const CONTEXT_ID = 77;

/** The server's side of a handshake. */
export async function handshake(peer: Peer, offer: Offer): Promise<void> {
  await peer.send(GREETING, '0003');
  await peer.read(4);
  for (;;) {
    const header = await peer.read(16);
    const option = header.readUInt32BE(8);
    const data = await peer.read(header.readUInt32BE(12));
    peer.heard.push(`option ${option} ${data.toString('latin1')}`);
    if (option === 7) return answerGo(peer, offer);
    const granted = option === 8 ? (offer.structured ?? true) : (offer.allocation ?? true);
    if (!granted) {
      await reply(peer, option, 0x80000001);
      continue;
    }
    if (option === 10) await reply(peer, option, 4, u32(CONTEXT_ID), Buffer.from('base:allocation'));
    await reply(peer, option, 1);
  }
}

async function answerGo(peer: Peer, offer: Offer): Promise<void> {
  await reply(peer, 7, 3, u16(0), u64(offer.size), u16(offer.flags ?? 3));
  await reply(peer, 7, 3, u16(2), Buffer.from('a description, which nobody asked for'));
  const { minimum, maximum } = offer.blocks ?? { minimum: 1, maximum: 32 << 20 };
  await reply(peer, 7, 3, u16(3), u32(minimum), u32(minimum), u32(maximum));
  await reply(peer, 7, 1);
}

export async function reply(peer: Peer, option: number, type: number, ...data: Buffer[]): Promise<void> {
  const payload = Buffer.concat(data);
  await peer.send(OPTION_REPLY_MAGIC, u32(option), u32(type), u32(payload.length), payload);
}

export interface Request {
  readonly command: number;
  readonly cookie: bigint;
  readonly offset: number;
  readonly length: number;
}

export async function nextRequest(peer: Peer): Promise<Request> {
  const bytes = await peer.read(28);
  const request = {
    command: bytes.readUInt16BE(6),
    cookie: bytes.readBigUInt64BE(8),
    offset: Number(bytes.readBigUInt64BE(16)),
    length: bytes.readUInt32BE(24),
  };
  peer.heard.push(`command ${request.command} at ${request.offset}, ${request.length} bytes`);
  return request;
}

/** A structured reply chunk. */
export function chunk(cookie: bigint, type: number, done: boolean, ...data: Uint8Array[]): Buffer {
  const payload = Buffer.concat(data);
  return chunkHeader(cookie, type, done, payload.length, payload);
}

/** The same, with a length that need not be true. */
export function chunkHeader(
  cookie: bigint,
  type: number,
  done: boolean,
  length: number,
  data: Uint8Array = Buffer.alloc(0),
): Buffer {
  const magic = Buffer.from('668e33ef', 'hex');
  return Buffer.concat([magic, u16(done ? 1 : 0), u16(type), cookieBytes(cookie), u32(length), data]);
}

export function simpleReply(cookie: bigint, error: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from('67446698', 'hex'), u32(error), cookieBytes(cookie), data]);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  return cookieBytes(BigInt(value));
}

function cookieBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

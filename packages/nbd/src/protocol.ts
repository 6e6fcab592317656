import { ArchiveError } from '@vzdump-format/streams';

/**
 * The parts of the NBD protocol that a reading client needs. All integers are big-endian.
 *
 * HANDSHAKE (fixed newstyle)
 *
 *   server → client   u64 NBDMAGIC, u64 IHAVEOPT, u16 handshake flags
 *   client → server   u32 client flags: those of the handshake flags that both understand
 *
 * Then the client sends options, one at a time, and reads the replies to each:
 *
 *   option            u64 IHAVEOPT, u32 option, u32 length, data
 *   reply             u64 reply magic, u32 option, u32 type, u32 length, data
 *
 * A type with the top bit set is an error, with an optional message as data. An error or ACK ends the replies
 * to an option; INFO and META_CONTEXT replies come before the ACK.
 *
 *   STRUCTURED_REPLY  no data. ACK: reads are answered in chunks from now on
 *   SET_META_CONTEXT  u32 + export name, u32 number of queries, each u32 + text.
 *                     Each context granted: META_CONTEXT reply of u32 id, name
 *   GO                u32 + export name, u16 number of information requests, u16 each.
 *                     INFO replies: u16 EXPORT, u64 size, u16 transmission flags
 *                                   u16 BLOCK_SIZE, u32 minimum, u32 preferred, u32 maximum
 *                     A client that asks for BLOCK_SIZE promises to keep to it. ACK begins the transmission
 *
 * TRANSMISSION
 *
 *   request           u32 magic, u16 flags, u16 command, u64 cookie, u64 offset, u32 length
 *   simple reply      u32 magic, u32 error, u64 cookie; after a read without an error, the bytes asked for
 *   chunk             u32 magic, u16 flags, u16 type, u64 cookie, u32 length, data
 *
 * Replies come in any order, the cookie tells whose they are. A structured reply is one chunk or more, the
 * last has the DONE flag. The chunks of a read may come in any order too, but never cover a byte twice:
 *
 *   NONE              no data, always the last
 *   OFFSET_DATA       u64 offset, the bytes (at least one)
 *   OFFSET_HOLE       u64 offset, u32 length: zeros
 *   BLOCK_STATUS      u32 context id, then for each extent u32 length, u32 flags. Consecutive from the offset
 *                     asked for; may end before the range does, the last may reach past its end
 *   ERROR             u32 error, u16 + message; further data is left to later versions
 *   ERROR_OFFSET      the same, then u64 offset. Any type with the top bit set is an error
 *
 * In the context `base:allocation` the flags are HOLE (nothing is allocated) and ZERO (reads as zeros); a
 * hole without ZERO may read as anything. DISC has no reply: the server closes the connection.
 *
 * @see https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
export const GREETING_MAGIC = 0x4e42444d41474943n; // 'NBDMAGIC'
export const OPTION_MAGIC = 0x49484156454f5054n; // 'IHAVEOPT'
export const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const CHUNK_MAGIC = 0x668e33ef;

export const GREETING_SIZE = 18;
export const OPTION_REPLY_HEADER_SIZE = 20;
export const REQUEST_SIZE = 28;
/** A whole simple reply, and all of a chunk's header but its length. */
export const REPLY_HEADER_SIZE = 16;
export const CHUNK_LENGTH_SIZE = 4;

/** Both as handshake flag and as client flag. */
export const HandshakeFlag = { fixedNewstyle: 1 } as const;
export const TransmissionFlag = { readOnly: 2 } as const;
export const Option = { go: 7, structuredReply: 8, setMetaContext: 10 } as const;
export const ERROR_BIT = 0x8000_0000;
export const OptionReplyType = {
  ack: 1,
  info: 3,
  metaContext: 4,
  unsupported: ERROR_BIT + 1,
  tlsRequired: ERROR_BIT + 5,
  unknownExport: ERROR_BIT + 6,
} as const;
export const Info = { export: 0, blockSize: 3 } as const;
export const Command = { read: 0, disconnect: 2, blockStatus: 7 } as const;
export const ChunkFlag = { done: 1 } as const;
export const CHUNK_ERROR_BIT = 0x8000;
export const ChunkType = { none: 0, offsetData: 1, offsetHole: 2, blockStatus: 5 } as const;
export const StatusFlag = { hole: 1, zero: 2 } as const;
export const ALLOCATION_CONTEXT = 'base:allocation';

const ERROR_NAMES: Readonly<Record<number, string>> = {
  1: 'EPERM, not permitted',
  5: 'EIO, input/output error',
  12: 'ENOMEM, out of memory',
  22: 'EINVAL, invalid request',
  28: 'ENOSPC, no space left',
  75: 'EOVERFLOW, too large',
  95: 'ENOTSUP, not supported',
  108: 'ESHUTDOWN, the server is shutting down',
};

// Ceilings. What is larger is refused before anything is allocated for it.

/** Strings of the protocol are at most this long, in bytes. */
export const MAX_STRING_SIZE = 4096;
/** The data of an option reply, or of an error chunk: a string and a few integers. */
export const MAX_MESSAGE_SIZE = MAX_STRING_SIZE + 64;
/** Replies to one option. */
export const MAX_OPTION_REPLIES = 64;
/** Chunks of one structured reply: for the largest read, one in 512 bytes would be 4096. */
export const MAX_CHUNKS = 16_384;
/** Servers cut a status off long before; QEMU after 128 Ki extents of 8 bytes. */
export const MAX_STATUS_SIZE = 4 + 8 * (1 << 17);
/** One read request. QEMU takes up to 32 MiB, but several smaller ones keep both sides at work. */
export const MAX_READ_LENGTH = 2 * 1024 * 1024;
/** One status request: the largest that a u32 holds, in whole blocks of any legal size. */
export const MAX_STATUS_LENGTH = 0x1_0000_0000 - 0x1_0000;
/** The protocol allows a minimum block size up to this. */
export const MAX_MINIMUM_BLOCK = 0x1_0000;

export interface OptionReplyHeader {
  readonly option: number;
  readonly type: number;
  readonly length: number;
}

export type ServerInfo =
  | { readonly kind: 'export'; readonly size: number; readonly flags: number }
  | { readonly kind: 'block-size'; readonly minimum: number; readonly maximum: number };

export type ReplyHeader =
  | { readonly kind: 'simple'; readonly cookie: bigint; readonly error: number }
  | { readonly kind: 'chunk'; readonly cookie: bigint; readonly type: number; readonly done: boolean };

export interface StatusExtent {
  readonly length: number;
  readonly flags: number;
}

/** @returns the handshake flags. @throws `NBD_PROTOCOL` when this is no newstyle server. */
export function decodeGreeting(bytes: Uint8Array): number {
  const view = dataView(bytes);
  if (view.getBigUint64(0) !== GREETING_MAGIC) throw violation('the server does not greet as an NBD server');
  if (view.getBigUint64(8) !== OPTION_MAGIC) throw violation('the server speaks the oldstyle NBD protocol');
  return view.getUint16(16);
}

export function encodeClientFlags(flags: number): Uint8Array {
  return u32(flags);
}

export function encodeOption(option: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + data.length);
  const view = dataView(bytes);
  view.setBigUint64(0, OPTION_MAGIC);
  view.setUint32(8, option);
  view.setUint32(12, data.length);
  bytes.set(data, 16);
  return bytes;
}

/** The data of GO: an export and the informations wanted about it. */
export function encodeGo(exportName: string, wanted: readonly number[]): Uint8Array {
  const requests = new Uint8Array(2 + 2 * wanted.length);
  const view = dataView(requests);
  view.setUint16(0, wanted.length);
  wanted.forEach((info, index) => {
    view.setUint16(2 + 2 * index, info);
  });
  return Buffer.concat([encodeString(exportName), requests]);
}

/** The data of SET_META_CONTEXT, with one query. */
export function encodeSetMetaContext(exportName: string, context: string): Uint8Array {
  return Buffer.concat([encodeString(exportName), u32(1), encodeString(context)]);
}

export function decodeOptionReplyHeader(bytes: Uint8Array): OptionReplyHeader {
  const view = dataView(bytes);
  if (view.getBigUint64(0) !== OPTION_REPLY_MAGIC) throw violation('wrong magic in the reply to an option');
  return { option: view.getUint32(8), type: view.getUint32(12), length: view.getUint32(16) };
}

/** @returns `undefined` for a kind of information that nobody asked for, which servers may send. */
export function decodeInfo(bytes: Uint8Array): ServerInfo | undefined {
  if (bytes.length < 2) throw violation('an information reply is too short');
  const view = dataView(bytes);
  switch (view.getUint16(0)) {
    case Info.export:
      if (bytes.length !== 12) throw violation('an EXPORT information reply has the wrong length');
      return { kind: 'export', size: safeU64(view, 2, 'export size'), flags: view.getUint16(10) };
    case Info.blockSize:
      if (bytes.length !== 14) throw violation('a BLOCK_SIZE information reply has the wrong length');
      return { kind: 'block-size', minimum: view.getUint32(2), maximum: view.getUint32(10) };
    default:
      return undefined;
  }
}

export function decodeMetaContext(bytes: Uint8Array): { readonly id: number; readonly name: string } {
  if (bytes.length < 4) throw violation('a META_CONTEXT reply is too short');
  return { id: dataView(bytes).getUint32(0), name: Buffer.from(bytes.subarray(4)).toString('utf8') };
}

export function encodeRequest(command: number, cookie: bigint, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(REQUEST_SIZE);
  const view = dataView(bytes);
  view.setUint32(0, REQUEST_MAGIC);
  view.setUint16(6, command);
  view.setBigUint64(8, cookie);
  view.setBigUint64(16, BigInt(offset));
  view.setUint32(24, length);
  return bytes;
}

/** @param bytes `REPLY_HEADER_SIZE` of them; a chunk's length follows. */
export function decodeReplyHeader(bytes: Uint8Array): ReplyHeader {
  const view = dataView(bytes);
  const cookie = view.getBigUint64(8);
  switch (view.getUint32(0)) {
    case SIMPLE_REPLY_MAGIC:
      return { kind: 'simple', cookie, error: view.getUint32(4) };
    case CHUNK_MAGIC: {
      const done = (view.getUint16(4) & ChunkFlag.done) !== 0;
      return { kind: 'chunk', cookie, type: view.getUint16(6), done };
    }
    default:
      throw violation('wrong magic in a reply');
  }
}

export function decodeU32(bytes: Uint8Array): number {
  return dataView(bytes).getUint32(0);
}

/** The offset before the bytes of an OFFSET_DATA chunk. */
export function decodeDataOffset(bytes: Uint8Array): number {
  return safeU64(dataView(bytes), 0, 'chunk offset');
}

export function decodeHole(bytes: Uint8Array): { readonly offset: number; readonly length: number } {
  const view = dataView(bytes);
  return { offset: safeU64(view, 0, 'chunk offset'), length: view.getUint32(8) };
}

export function decodeBlockStatus(bytes: Uint8Array): { contextId: number; extents: StatusExtent[] } {
  if (bytes.length < 12 || bytes.length % 8 !== 4)
    throw violation('a BLOCK_STATUS chunk has the wrong length');
  const view = dataView(bytes);
  const extents: StatusExtent[] = [];
  for (let at = 4; at < bytes.length; at += 8) {
    extents.push({ length: view.getUint32(at), flags: view.getUint32(at + 4) });
  }
  return { contextId: view.getUint32(0), extents };
}

/** The error in an error chunk, as text. */
export function decodeErrorChunk(bytes: Uint8Array): string {
  if (bytes.length < 6) throw violation('an error chunk is too short');
  const view = dataView(bytes);
  const end = 6 + view.getUint16(4);
  if (end > bytes.length) throw violation('the message of an error chunk is longer than the chunk');
  const message = oneLine(bytes.subarray(6, end));
  const name = describeError(view.getUint32(0));
  return message === '' ? name : `${message} (${name})`;
}

export function describeError(error: number): string {
  return ERROR_NAMES[error] ?? `error ${error}`;
}

/** What another program wrote, fit for a message: one line, without control characters. */
export function oneLine(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('utf8');
  return text.replace(/\p{Cc}+/gu, ' ').trim();
}

/** The server does what the protocol does not allow, or what this client did not negotiate. */
export function violation(message: string): ArchiveError {
  return new ArchiveError('NBD_PROTOCOL', `NBD: ${message}`);
}

function safeU64(view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw violation(`${what} ${value} is too large`);
  return Number(value);
}

function encodeString(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  dataView(bytes).setUint32(0, value);
  return bytes;
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

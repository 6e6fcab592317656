import type { Socket } from 'node:net';
import { ArchiveError, ByteReader } from '@vzdump-format/streams';
import {
  ALLOCATION_CONTEXT,
  decodeGreeting,
  decodeInfo,
  decodeMetaContext,
  decodeOptionReplyHeader,
  ERROR_BIT,
  encodeClientFlags,
  encodeGo,
  encodeOption,
  encodeSetMetaContext,
  GREETING_SIZE,
  HandshakeFlag,
  Info,
  MAX_MESSAGE_SIZE,
  MAX_MINIMUM_BLOCK,
  MAX_OPTION_REPLIES,
  MAX_READ_LENGTH,
  OPTION_REPLY_HEADER_SIZE,
  Option,
  OptionReplyType,
  oneLine,
  TransmissionFlag,
  violation,
} from './protocol.js';

/** How much is received at a time, in bytes; the kernel holds about as much for a Unix socket. */
const RECEIVE_BUFFER_SIZE = 256 * 1024;

/**
 * A Unix socket, read as a stream of bytes. One buffer receives all of it: the socket rests while the
 * buffer's content is being used, so nothing piles up in memory.
 */
export class Connection {
  readonly reader: ByteReader;
  private readonly socket: Socket;
  private readonly buffer = new Uint8Array(RECEIVE_BUFFER_SIZE);
  private received = 0;
  private ready = 0;
  private closed = false;
  private error: Error | undefined;
  private wake = () => {};

  private constructor(socketPath: string) {
    this.socket = process.getBuiltinModule('node:net').connect({
      path: socketPath,
      onread: { buffer: this.buffer, callback: (length) => this.receive(length) },
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('end', () => this.finish()).on('close', () => this.finish());
    this.reader = new ByteReader(this.chunks());
  }

  /** @throws `NBD_CONNECT` when nobody listens at this path. */
  static async open(socketPath: string): Promise<Connection> {
    const connection = new Connection(socketPath);
    await new Promise<void>((resolve, reject) => {
      connection.socket.once('connect', resolve).once('error', (cause: NodeJS.ErrnoException) => {
        reject(new ArchiveError('NBD_CONNECT', `nobody answers on ${socketPath}: ${cause.code}`, { cause }));
      });
    });
    return connection;
  }

  get bytesReceived(): number {
    return this.received;
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Whether waiting for this connection keeps the program alive. */
  keepAlive(keep: boolean): void {
    if (keep) this.socket.ref();
    else this.socket.unref();
  }

  /** Ends it at once. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Ends it when all has been sent; resolves when it is closed. */
  async end(): Promise<void> {
    if (this.socket.closed) return;
    this.keepAlive(true);
    await new Promise<void>((resolve) => {
      this.socket.once('close', () => resolve());
      this.socket.destroySoon();
    });
  }

  /** Each chunk is valid until the next is asked for. @throws the socket's error. */
  private async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.ready === 0 && !this.closed) {
        const woken = new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.socket.resume();
        await woken;
      }
      const length = this.ready;
      if (length === 0) break;
      yield this.buffer.subarray(0, length);
      this.ready = 0;
    }
    if (this.error !== undefined) throw this.error;
  }

  /** @returns false: no more until `chunks` asks for it. */
  private receive(length: number): boolean {
    this.received += length;
    this.ready = length;
    this.wake();
    return false;
  }

  private finish(): void {
    this.closed = true;
    this.wake();
  }
}

/** What client and server agreed on. */
export interface Export {
  /** In bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Requests begin and end at multiples of this, a power of two; the end of the export is an end too. */
  readonly minimumBlock: number;
  /** In bytes, a multiple of `minimumBlock`. */
  readonly maximumRead: number;
  /** Whether reads are answered in chunks. */
  readonly structured: boolean;
  /** The id of `base:allocation`, when the server has it. */
  readonly allocationContext: number | undefined;
}

interface OptionReply {
  readonly type: number;
  readonly data: Uint8Array;
}

/**
 * The handshake, up to the first request.
 * @throws `NBD_REFUSED` when the server does not give the export, `NBD_PROTOCOL`.
 */
export async function negotiate(connection: Connection, exportName: string): Promise<Export> {
  const offered = decodeGreeting(await connection.reader.read(GREETING_SIZE));
  if ((offered & HandshakeFlag.fixedNewstyle) === 0) throw violation('the server cannot negotiate options');
  connection.send(encodeClientFlags(HandshakeFlag.fixedNewstyle));
  const structured = await askForStructuredReplies(connection);
  const allocationContext = structured ? await askForAllocation(connection, exportName) : undefined;
  return { ...(await go(connection, exportName)), structured, allocationContext };
}

async function askForStructuredReplies(connection: Connection): Promise<boolean> {
  const replies = await ask(connection, Option.structuredReply, new Uint8Array(0));
  return replies.at(-1)!.type === OptionReplyType.ack;
}

async function askForAllocation(connection: Connection, exportName: string): Promise<number | undefined> {
  const data = encodeSetMetaContext(exportName, ALLOCATION_CONTEXT);
  const replies = await ask(connection, Option.setMetaContext, data);
  if (replies.at(-1)!.type !== OptionReplyType.ack) return undefined;
  const contexts = replies.filter((reply) => reply.type === OptionReplyType.metaContext);
  return contexts
    .map((reply) => decodeMetaContext(reply.data))
    .find((context) => context.name === ALLOCATION_CONTEXT)?.id;
}

type ExportInfo = Pick<Export, 'size' | 'readOnly' | 'minimumBlock' | 'maximumRead'>;

async function go(connection: Connection, exportName: string): Promise<ExportInfo> {
  const replies = await ask(connection, Option.go, encodeGo(exportName, [Info.blockSize]));
  const last = replies.at(-1)!;
  if (last.type !== OptionReplyType.ack) throw refusal(exportName, last);
  let size: number | undefined;
  let flags = 0;
  let blocks = { minimumBlock: 1, maximumRead: MAX_READ_LENGTH };
  for (const { type, data } of replies) {
    const info = type === OptionReplyType.info ? decodeInfo(data) : undefined;
    if (info?.kind === 'export') ({ size, flags } = info);
    if (info?.kind === 'block-size') blocks = blockLimits(info.minimum, info.maximum);
  }
  if (size === undefined) throw violation('the server does not tell the size of the export');
  return { size, readOnly: (flags & TransmissionFlag.readOnly) !== 0, ...blocks };
}

function blockLimits(minimum: number, maximum: number): Pick<Export, 'minimumBlock' | 'maximumRead'> {
  const powerOfTwo = minimum > 0 && (minimum & (minimum - 1)) === 0;
  if (!powerOfTwo || minimum > MAX_MINIMUM_BLOCK || maximum < minimum) {
    throw violation(`impossible block sizes: at least ${minimum}, at most ${maximum} bytes`);
  }
  const most = Math.min(maximum, MAX_READ_LENGTH);
  return { minimumBlock: minimum, maximumRead: most - (most % minimum) };
}

/** Sends an option and reads its replies; the last of them is ACK or an error. */
async function ask(connection: Connection, option: number, data: Uint8Array): Promise<OptionReply[]> {
  connection.send(encodeOption(option, data));
  const replies: OptionReply[] = [];
  while (replies.length < MAX_OPTION_REPLIES) {
    const reply = await readOptionReply(connection, option);
    replies.push(reply);
    if (reply.type === OptionReplyType.ack || reply.type >= ERROR_BIT) return replies;
  }
  throw violation(`more than ${MAX_OPTION_REPLIES} replies to option ${option}`);
}

async function readOptionReply({ reader }: Connection, option: number): Promise<OptionReply> {
  const header = decodeOptionReplyHeader(await reader.read(OPTION_REPLY_HEADER_SIZE));
  if (header.option !== option) throw violation(`a reply to option ${header.option} instead of ${option}`);
  if (header.length > MAX_MESSAGE_SIZE)
    throw violation(`a reply of ${header.length} bytes to option ${option}`);
  const data = await reader.read(header.length);
  return { type: header.type, data: Uint8Array.from(data) }; // the buffer is used again
}

function refusal(exportName: string, reply: OptionReply): ArchiveError {
  const said = oneLine(reply.data);
  return new ArchiveError(
    'NBD_REFUSED',
    `the NBD server refuses the export '${exportName}': ${said === '' ? refusalReason(reply.type) : said}`,
  );
}

function refusalReason(type: number): string {
  switch (type) {
    case OptionReplyType.unsupported:
      return 'it does not know the option GO';
    case OptionReplyType.tlsRequired:
      return 'it insists on TLS';
    case OptionReplyType.unknownExport:
      return 'it has none of that name';
    default:
      return `error ${type - ERROR_BIT}`;
  }
}

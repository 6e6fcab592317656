import { ArchiveError } from '@vzdump-format/streams';
import { Connection, type Export, negotiate } from './connection.js';
import {
  Command,
  decodeReplyHeader,
  encodeRequest,
  MAX_STATUS_LENGTH,
  MAX_STRING_SIZE,
  REPLY_HEADER_SIZE,
  StatusFlag,
  violation,
} from './protocol.js';
import { PendingRead, type PendingRequest, PendingStatus } from './replies.js';

/** Requests that the server has at a time; QEMU works on up to 16. */
const MAX_IN_FLIGHT = 8;

export interface NbdConnectOptions {
  /** The server's default export unless given. */
  readonly exportName?: string;
  /** Aborts connecting and the handshake; without effect afterwards. */
  readonly signal?: AbortSignal | undefined;
}

/** A part of an export that is all alike, in bytes. */
export interface NbdExtent {
  readonly offset: number;
  readonly length: number;
  /** Reads as zeros. */
  readonly zero: boolean;
  /** Nothing is allocated for it; unless it is `zero` too, it may read as anything. */
  readonly hole: boolean;
}

/**
 * Reads an export of an NBD server, over a Unix socket. Requests may be made at the same time; up to eight
 * are with the server, and its replies are matched to them in whatever order they come.
 *
 * The first violation of the protocol, and the loss of the connection, end the client: every request that
 * waits and every later one fails with that one error. An idle client does not keep the program alive.
 */
export class NbdClient {
  private readonly queued: [PendingRequest, command: number][] = [];
  private readonly inFlight = new Map<bigint, PendingRequest>();
  private nextCookie = 1n;
  private failure: ArchiveError | undefined;

  private constructor(
    private readonly connection: Connection,
    private readonly agreed: Export,
  ) {
    connection.keepAlive(false);
    this.receive();
  }

  /**
   * @throws `NBD_CONNECT` when nobody listens there, `NBD_REFUSED` when the server does not give the export,
   * `NBD_PROTOCOL`, `NBD_DISCONNECTED`; the signal's reason.
   */
  static async connect(socketPath: string, options: NbdConnectOptions = {}): Promise<NbdClient> {
    const { exportName = '', signal } = options;
    if (Buffer.byteLength(exportName) > MAX_STRING_SIZE) throw new RangeError('the export name is too long');
    signal?.throwIfAborted();
    const connection = await Connection.open(socketPath);
    const abort = () => connection.destroy();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      signal?.throwIfAborted();
      return new NbdClient(connection, await negotiate(connection, exportName));
    } catch (error) {
      connection.destroy();
      throw signal?.aborted ? signal.reason : asNbdError(error);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Of the export, in bytes. */
  get size(): number {
    return this.agreed.size;
  }

  get readOnly(): boolean {
    return this.agreed.readOnly;
  }

  /** Whether the server tells zeros from data; without that, `blockStatus` calls everything data. */
  get knowsBlockStatus(): boolean {
    return this.agreed.allocationContext !== undefined;
  }

  /** Everything that came over the socket, in bytes. */
  get bytesReceived(): number {
    return this.connection.bytesReceived;
  }

  /**
   * Fills `buffer` from `offset` on, in requests of at most 2 MiB. Resolves to the bytes read, fewer than
   * asked for only at the end of the export. When it rejects, the buffer is not written to any more.
   * @throws `NBD_READ` when the server cannot read, `NBD_PROTOCOL`, `NBD_DISCONNECTED`, `NBD_CLOSED`.
   */
  async read(buffer: Uint8Array, offset: number): Promise<number> {
    requireOffset(offset);
    const { minimumBlock, maximumRead } = this.agreed;
    const length = Math.max(0, Math.min(buffer.length, this.size - offset));
    const pieces: Promise<void>[] = [];
    for (let done = 0; done < length; ) {
      const most = maximumRead - ((offset + done) % minimumBlock); // so that the next begins at a block
      const piece = buffer.subarray(done, Math.min(length, done + most));
      pieces.push(this.readPiece(piece, offset + done));
      done += piece.length;
    }
    const failed = (await Promise.allSettled(pieces)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return length;
  }

  /**
   * Which parts of a range are zeros, in order from `offset` on. May tell about less than was asked for, but
   * always about something; `[]` only from the end of the export on.
   * @throws `NBD_BLOCK_STATUS` when the server cannot tell, `NBD_PROTOCOL`, `NBD_DISCONNECTED`, `NBD_CLOSED`.
   */
  async blockStatus(offset: number, length: number): Promise<NbdExtent[]> {
    requireOffset(offset);
    const { minimumBlock, allocationContext } = this.agreed;
    const end = Math.min(this.size, offset + length);
    if (offset >= end) return [];
    if (allocationContext === undefined) return [{ offset, length: end - offset, zero: false, hole: false }];
    const start = offset - (offset % minimumBlock);
    const asked = Math.min(this.roundUp(end) - start, MAX_STATUS_LENGTH);
    const status = await this.request(
      Command.blockStatus,
      (settle) => new PendingStatus(start, asked, allocationContext, settle),
    );
    return toExtents(status, offset, end);
  }

  /** Says good-bye and closes the connection. What still waits fails with `NBD_CLOSED`. */
  async close(): Promise<void> {
    if (this.failure === undefined) {
      this.connection.send(encodeRequest(Command.disconnect, 0n, 0, 0));
      this.withdrawAll(new ArchiveError('NBD_CLOSED', 'the NBD client was closed'));
    }
    await this.connection.end();
  }

  /** A read of one request, widened to whole blocks where the server works in such. */
  private async readPiece(piece: Uint8Array, offset: number): Promise<void> {
    const start = offset - (offset % this.agreed.minimumBlock);
    const end = this.roundUp(offset + piece.length);
    const exact = start === offset && end === offset + piece.length;
    const target = exact ? piece : Buffer.allocUnsafeSlow(end - start);
    const { structured } = this.agreed;
    await this.request(Command.read, (settle) => new PendingRead(target, start, structured, settle));
    if (!exact) piece.set(target.subarray(offset - start, offset - start + piece.length));
  }

  private roundUp(offset: number): number {
    const { minimumBlock, size } = this.agreed;
    return Math.min(size, Math.ceil(offset / minimumBlock) * minimumBlock);
  }

  private async request<Request extends PendingRequest>(
    command: number,
    create: (settle: (error?: ArchiveError) => void) => Request,
  ): Promise<Request> {
    return new Promise((resolve, reject) => {
      const request = create((error) => (error === undefined ? resolve(request) : reject(error)));
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      this.queued.push([request, command]);
      this.sendQueued();
    });
  }

  private sendQueued(): void {
    while (this.inFlight.size < MAX_IN_FLIGHT) {
      const next = this.queued.shift();
      if (next === undefined) break;
      const [request, command] = next;
      const cookie = this.nextCookie++;
      this.inFlight.set(cookie, request);
      this.connection.send(encodeRequest(command, cookie, request.offset, request.length));
    }
    this.connection.keepAlive(this.inFlight.size > 0);
  }

  /** Runs as long as the connection does. */
  private async receive(): Promise<void> {
    try {
      for (;;) await this.receiveReply();
    } catch (error) {
      this.withdrawAll(asNbdError(error));
      this.connection.destroy();
    }
  }

  private async receiveReply(): Promise<void> {
    const { reader } = this.connection;
    const header = decodeReplyHeader(await reader.read(REPLY_HEADER_SIZE));
    if (header.kind === 'chunk' && !this.agreed.structured)
      throw violation('a chunk, which was not agreed on');
    const request = this.inFlight.get(header.cookie);
    if (request === undefined) throw violation(`a reply to a request that was not made: ${header.cookie}`);
    if (!(await request.receive(reader, header))) return;
    this.inFlight.delete(header.cookie);
    request.settle(request.failure);
    this.sendQueued();
  }

  private withdrawAll(error: ArchiveError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const waiting = [...this.inFlight.values(), ...this.queued.map(([request]) => request)];
    this.inFlight.clear();
    this.queued.length = 0;
    for (const request of waiting) {
      request.withdrawn = true;
      request.settle(error);
    }
  }
}

/** The extents of a status reply, cut to the range that was asked for. */
function toExtents(status: PendingStatus, start: number, end: number): NbdExtent[] {
  const extents: NbdExtent[] = [];
  let position = status.offset;
  for (const { length, flags } of status.extents) {
    const from = Math.max(position, start);
    position += length;
    const to = Math.min(position, end);
    if (from >= to) continue;
    const zero = (flags & StatusFlag.zero) !== 0;
    extents.push({ offset: from, length: to - from, zero, hole: (flags & StatusFlag.hole) !== 0 });
  }
  if (extents.length === 0) throw violation('a block status of less than one block');
  return extents;
}

function requireOffset(offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`not an offset: ${offset}`);
}

function asNbdError(error: unknown): ArchiveError {
  if (error instanceof ArchiveError && error.code.startsWith('NBD_')) return error;
  const cause = error instanceof ArchiveError ? undefined : error;
  return new ArchiveError('NBD_DISCONNECTED', 'the NBD server closed the connection', { cause });
}

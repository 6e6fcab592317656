import type { Socket } from 'node:net';
import { ArchiveError, ByteReader } from '@vzdump-format/streams';

/** Received at a time; the kernel holds about as much for a Unix socket. */
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

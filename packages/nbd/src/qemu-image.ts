import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiveError, type ByteRange, type ByteSource } from '@vzdump-format/streams';
import { NbdClient } from './client.js';
import { NbdSource } from './nbd-source.js';
import { QemuNbdProcess } from './qemu-nbd-process.js';

const SOCKET_NAME = 'qemu-nbd.sock';
const DIRECTORY_PREFIX = 'vzdump-format-';
/** The kernel's limit for the path of a Unix socket is 108 bytes, the last of them NUL (unix(7)). */
const MAX_SOCKET_PATH = 107;
/** How often to try whether the server listens. */
const POLL_MILLISECONDS = 5;

export interface OpenQemuImageOptions {
  readonly format: QemuImageFormat;
  /** Aborts the start; without effect afterwards. */
  readonly signal?: AbortSignal | undefined;
}

/** A disk image as QEMU reads it: the content of the disk, with its zero areas known. */
export class QemuImage implements ByteSource {
  private readonly source: NbdSource;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly client: NbdClient,
    private readonly server: QemuNbdProcess,
  ) {
    this.source = new NbdSource(client);
  }

  /** Of the virtual disk, in bytes, as QEMU reports it. */
  get size(): number {
    return this.source.size;
  }

  /** Of the `qemu-nbd` that serves the image. */
  get pid(): number | undefined {
    return this.server.pid;
  }

  /** All that came from `qemu-nbd`, in bytes. */
  get bytesReceived(): number {
    return this.client.bytesReceived;
  }

  /** @throws `NBD_QEMU` when qemu-nbd has ended; else as `NbdClient.read`. */
  async read(buffer: Uint8Array, offset: number): Promise<number> {
    return this.source.read(buffer, offset).catch((error) => this.rethrow(error));
  }

  /** @throws `NBD_QEMU` when qemu-nbd has ended; else as `NbdClient.blockStatus`. */
  async nextData(offset: number): Promise<ByteRange | undefined> {
    return this.source.nextData(offset).catch((error) => this.rethrow(error));
  }

  /** Ends qemu-nbd and waits until it is gone. */
  async close(): Promise<void> {
    this.closing ??= this.source.close().finally(() => this.server.end());
    await this.closing;
  }

  private async rethrow(error: unknown): Promise<never> {
    throw isLoss(error) ? await this.server.loss(error) : error;
  }
}

/**
 * Opens a disk image by way of `qemu-nbd`, which has to be installed. The image is opened read-only, and QEMU
 * refuses it while a running machine writes to it.
 *
 * @throws `NBD_QEMU_MISSING`; `NBD_QEMU` when QEMU cannot open it, with QEMU's reason; `NOT_A_FILE`; the
 * system's error when there is no such file; the signal's reason. Whatever fails, nothing is left behind.
 */
export async function openQemuImage(path: string, options: OpenQemuImageOptions): Promise<QemuImage> {
  const { format, signal } = options;
  signal?.throwIfAborted();
  await requireFile(path);
  const directory = await makeSocketDirectory();
  try {
    return await serve(path, format, join(directory, SOCKET_NAME), signal);
  } finally {
    // Needed no longer: the connection stands, and there is only one.
    await rm(directory, { recursive: true, force: true });
  }
}

async function serve(
  path: string,
  format: QemuImageFormat,
  socketPath: string,
  signal: AbortSignal | undefined,
): Promise<QemuImage> {
  const server = new QemuNbdProcess(commandLine(path, format, socketPath), path);
  try {
    return new QemuImage(await connectWhenReady(server, format, socketPath, signal), server);
  } catch (error) {
    await server.end();
    throw error;
  }
}

/**
 * Without `--persistent`, qemu-nbd ends with its only connection, so it does not outlive a program that
 * crashes. An absolute path is taken as it stands: a name like `a:b` or `json:…` would be read as a protocol
 * of QEMU, one like `-x` as an option. (`--image-opts` would need its own quoting, and another driver for a
 * block device.)
 */
function commandLine(path: string, format: QemuImageFormat, socketPath: string): string[] {
  const absolute = isAbsolute(path) ? path : `${process.cwd()}/${path}`; // `join` would drop `link/..`
  return ['--read-only', `--format=${format}`, `--socket=${socketPath}`, '--', absolute];
}

async function connectWhenReady(
  server: QemuNbdProcess,
  format: QemuImageFormat,
  socketPath: string,
  signal: AbortSignal | undefined,
): Promise<NbdClient> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await NbdClient.connect(socketPath, { signal });
    } catch (error) {
      if (isLoss(error)) await server.endSoon(); // it listens before it opens the image
      if (server.hasEnded) throw server.startFailure(format);
      if (!isNotListeningYet(error)) throw error;
    }
    await Promise.race([sleep(POLL_MILLISECONDS), server.ended]);
  }
}

function isLoss(error: unknown): error is ArchiveError {
  return error instanceof ArchiveError && error.code === 'NBD_DISCONNECTED';
}

/** Or not any more: then it is about to end. */
function isNotListeningYet(error: unknown): boolean {
  if (!(error instanceof ArchiveError) || error.code !== 'NBD_CONNECT') return false;
  const { code } = error.cause as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET';
}

/** Also keeps qemu-nbd from waiting for ever for the other end of a pipe. */
async function requireFile(path: string): Promise<void> {
  const found = await stat(path);
  if (found.isFile() || found.isBlockDevice()) return;
  throw new ArchiveError('NOT_A_FILE', `${path} is neither a regular file nor a block device`, {
    entry: path,
  });
}

/** A directory that only this user can enter, near enough to the root for a socket's path. */
async function makeSocketDirectory(): Promise<string> {
  const preferred = resolve(tmpdir());
  const example = join(preferred, `${DIRECTORY_PREFIX}XXXXXX`, SOCKET_NAME);
  const parent = Buffer.byteLength(example) > MAX_SOCKET_PATH ? '/tmp' : preferred;
  return mkdtemp(join(parent, DIRECTORY_PREFIX));
}

/** The disk image formats, as QEMU's drivers are called. `vpc` is what others call VHD. */
export type QemuImageFormat = 'qcow2' | 'vmdk' | 'vdi' | 'vhdx' | 'vpc' | 'qed' | 'raw';

interface Magic {
  readonly format: QemuImageFormat;
  readonly at: number;
  readonly bytes: Uint8Array;
}

const MAGICS: readonly Magic[] = [
  { format: 'qcow2', at: 0, bytes: Buffer.from('QFI\xfb\0\0\0\x02', 'latin1') },
  { format: 'qcow2', at: 0, bytes: Buffer.from('QFI\xfb\0\0\0\x03', 'latin1') },
  { format: 'vmdk', at: 0, bytes: Buffer.from('KDMV') },
  { format: 'vmdk', at: 0, bytes: Buffer.from('COWD') },
  { format: 'vmdk', at: 0, bytes: Buffer.from('# Disk DescriptorFile') },
  { format: 'vdi', at: 0x40, bytes: Buffer.from([0x7f, 0x10, 0xda, 0xbe]) },
  { format: 'vhdx', at: 0, bytes: Buffer.from('vhdxfile') },
  { format: 'vpc', at: 0, bytes: Buffer.from('conectix') },
  { format: 'qed', at: 0, bytes: Buffer.from('QED\0') },
];

/** How much of an image `detectImageFormat` looks at, in bytes. */
export const IMAGE_HEAD_SIZE = Math.max(...MAGICS.map((magic) => magic.at + magic.bytes.length));

/**
 * Tells an image's format by its magic number. Takes its first `IMAGE_HEAD_SIZE` bytes, or all when it has
 * less.
 *
 * @returns `undefined` when no format is recognised. It may be a raw image then, or a VHD of fixed size,
 * which has its mark at the end only. The first version of qcow is not recognised: to QEMU it is another
 * format.
 */
export function detectImageFormat(head: Uint8Array): QemuImageFormat | undefined {
  const found = MAGICS.find(
    ({ at, bytes }) => Buffer.compare(bytes, head.subarray(at, at + bytes.length)) === 0,
  );
  return found?.format;
}

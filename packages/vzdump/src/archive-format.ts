import type { ByteSource, OnWarning, WriteAt } from '@vzdump-format/streams';

/** What every operation on an archive takes. */
export interface OperationOptions {
  readonly onWarning?: OnWarning | undefined;
  /** Called with the bytes of guest data dealt with so far, and in all. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifyOptions extends OperationOptions {
  /** Told where a seekable codec should begin a frame, before the bytes there have been used. */
  readonly onFrameStart?: ((offset: number) => void) | undefined;
}

export interface UnpackOptions extends OperationOptions {
  /** Is made when it is not there. */
  readonly directory: string;
  /** Paths by drive name or id, for drives that go elsewhere. */
  readonly drives?: ReadonlyMap<string, string>;
  /** Names or ids of drives to leave out. */
  readonly skip?: readonly string[];
  /** Whether files that exist are replaced. */
  readonly overwrite?: boolean;
  /** How files are written (see `blockingWriter`); `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
}

/** An archive, its codec taken off. */
export interface ArchiveBytes {
  /** Once, from the first byte; a chunk is valid until the next is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The same at rest, where it can be read at any offset: in place of `bytes`, not beside it. */
  readonly source: ByteSource | undefined;
}

/** What is in an archive, as `list --json` prints it (but for the codec, which the format does not know). */
export interface VmaListing {
  readonly format: 'vma';
  readonly uuid: string;
  /** Seconds since the epoch; a string where a number would not be exact. */
  readonly ctime: number | string;
  readonly configs: readonly { readonly name: string; readonly size: number }[];
  readonly devices: readonly { readonly id: number; readonly name: string; readonly size: number }[];
}

export type Listing = VmaListing;

/** One archive format. A row of the registry. */
export interface ArchiveFormat {
  readonly name: string;
  /** With the dot. */
  readonly extension: string;
  /** @param head the first `FORMAT_DETECT_BYTES` bytes, or the whole archive when it is shorter. */
  detect(head: Uint8Array): boolean;
  /** The bytes of an archive at rest, in chunks that suit the format; each is valid until the next is asked for. */
  read(source: ByteSource, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  list(archive: ArchiveBytes, options: OperationOptions): Promise<Listing>;
  /** The guest's configuration, or the blob of that name. */
  config(archive: ArchiveBytes, name: string | undefined, options: OperationOptions): Promise<Uint8Array>;
  /** Reads everything and throws the first thing that is wrong. */
  verify(archive: ArchiveBytes, options: VerifyOptions): Promise<void>;
  /** One drive or file, from its first byte to its last. */
  cat(archive: ArchiveBytes, name: string, options: OperationOptions): AsyncIterable<Uint8Array>;
  unpack(archive: ArchiveBytes, options: UnpackOptions): Promise<void>;
}

export const FORMAT_DETECT_BYTES = 512;

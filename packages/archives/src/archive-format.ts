import type { KeptRange } from '@vzdump-format/codecs';
import type { ExcludeRules, FileEntry, TreeSource, WalkOptions } from '@vzdump-format/file-tree';
import type {
  ByteSource,
  ChunkSink,
  OnBoundary,
  OnProgress,
  OnWarning,
  WriteAt,
} from '@vzdump-format/streams';

/** What every operation on an archive takes. */
export interface OperationOptions {
  readonly onWarning?: OnWarning | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifyOptions extends OperationOptions {
  /** Called before the bytes there have been used. */
  readonly onBoundary?: OnBoundary | undefined;
}

export interface UnpackDisksOptions extends OperationOptions {
  /** Is made when it is not there. */
  readonly directory: string;
  /** Paths (block devices, or files to be made: raw, or qcow2 by their extension) by drive name or id. */
  readonly drives?: ReadonlyMap<string, string>;
  /** Names or ids of drives to leave out. */
  readonly skip?: readonly string[];
  /** Whether files that exist are replaced. */
  readonly overwrite?: boolean;
  /** How files are written (see `blockingWriter`); `writeFully` unless given. */
  readonly writeAt?: WriteAt | undefined;
}

/** An archive at rest: a backup in a store. */
export interface StoredArchive {
  /** As messages name it; beside it are its index and what a split one holds, where there are files. */
  readonly path: string;
  /** What it gives is closed by who has called it. */
  open(): Promise<ByteSource>;
}

/** Takes an archive that passes by, chunk by chunk, and gives ranges of it. */
export type CollectHeaders = (chunk: Uint8Array) => readonly KeptRange[] | Promise<readonly KeptRange[]>;

/** An archive, its codec taken off. */
export interface ArchiveBytes {
  /** Once, from the first byte; a chunk is valid until the next is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The same once more from the first byte, where it came from a file. */
  readonly again?: (() => AsyncIterable<Uint8Array>) | undefined;
  /** The same at rest, where it can be read at any offset: in place of `bytes`, not beside it. */
  readonly source: ByteSource | undefined;
  /**
   * Of a split archive, the file with the contents: opened when it is first asked for, and closed with the
   * archive.
   * @throws `PAYLOAD_NOT_FOUND`
   */
  readonly payload?: (() => Promise<ByteSource>) | undefined;
}

export interface ArchiveAtRest extends Pick<ArchiveBytes, 'payload'> {
  readonly source: ByteSource;
}

/**
 * What is in an archive of disks, as `list --json` prints it (but for the codec, which the format does not
 * know).
 */
export interface VmaListing {
  readonly format: 'vma';
  readonly uuid: string;
  /** Seconds since the epoch; a string where a number would not be exact. */
  readonly ctime: number | string;
  readonly configs: readonly { readonly name: string; readonly size: number }[];
  readonly devices: readonly { readonly id: number; readonly name: string; readonly size: number }[];
}

interface FormatRow {
  readonly name: string;
  /** With the dot. */
  readonly extension: string;
  /** Endings that stand for a codec, too: `.tgz`. */
  readonly shortExtensions?: readonly string[];
  /** @param head the first `FORMAT_DETECT_BYTES` bytes, or the whole archive when it is shorter. */
  detect(head: Uint8Array): boolean;
  /**
   * The bytes of an archive at rest, in chunks that suit the format; each is valid until the next is asked
   * for.
   */
  read(source: ByteSource, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Makes what takes an archive that passes by, and gives the ranges of it that opening it at rest will read:
   * short headers that stand all over it.
   */
  readonly collectHeaders?: () => CollectHeaders;
  /** Reads everything and throws the first thing that is wrong. */
  verify(archive: ArchiveBytes, options: VerifyOptions): Promise<void>;
}

/** A format that holds a VM: its disks and its configuration. */
export interface DiskFormat extends FormatRow {
  readonly kind: 'disks';
  list(archive: ArchiveBytes, options: OperationOptions): Promise<VmaListing>;
  /** The guest's configuration, or the blob of that name. */
  config(archive: ArchiveBytes, name: string | undefined, options: OperationOptions): Promise<Uint8Array>;
  /** One drive, from its first byte to its last. */
  cat(archive: ArchiveBytes, name: string, options: OperationOptions): AsyncIterable<Uint8Array>;
  unpack(archive: ArchiveBytes, options: UnpackDisksOptions): Promise<void>;
}

export interface ReadEntriesOptions extends OperationOptions {
  /** Entries without their content: what `list` needs. */
  readonly metadataOnly?: boolean | undefined;
  /** Everything is proven on the way, as `verify` does. */
  readonly verify?: boolean | undefined;
  /**
   * Called before the first entry with what stands in a split archive before all entries, if anything does.
   */
  readonly onPrelude?: ((prelude: Uint8Array) => void) | undefined;
}

export interface PackEntriesOptions extends OperationOptions {
  /** What comes before all else, by path; its bytes belong to root. */
  readonly first?: readonly { readonly path: string; readonly data: Uint8Array }[] | undefined;
  readonly onBoundary?: OnBoundary | undefined;
  /** Makes a split archive: takes the bytes of the file with the contents. */
  readonly payload?: ChunkSink | undefined;
  /** What was left out, for a format that notes it. */
  readonly excludePatterns?: readonly string[] | undefined;
  /** Whose the notes of that are; unless given, root's. */
  readonly excludesOwner?: { readonly uid: number; readonly gid: number } | undefined;
  /** What stands before all entries, for a split archive: in place of what was left out. */
  readonly prelude?: Uint8Array | undefined;
}

/**
 * A format that holds a directory tree, as of a container. What can be done with any tree is in
 * `tree-archive.ts`.
 */
export interface TreeFormat extends FormatRow {
  readonly kind: 'tree';
  /** In one pass. An entry's content is read before the next entry is asked for, or not at all. */
  entries(archive: ArchiveBytes, options: ReadEntriesOptions): AsyncIterable<FileEntry>;
  /** An archive at rest, of which only what is asked for is read. */
  open(archive: ArchiveAtRest, options: OperationOptions): Promise<TreeSource>;
  /** Content that comes with ranges of files is passed on with them, see `piecesOf`. */
  pack(entries: AsyncIterable<FileEntry>, options: PackEntriesOptions): AsyncIterable<Uint8Array>;
  /**
   * Which files the walk of a directory makes hardlinks of, and which attributes it keeps, for this format.
   */
  readonly walkOptions: WalkOptions;
  /**
   * Whether an archive says where files have holes. If not, blocks of zeros become holes when they are
   * restored.
   */
  readonly hasHoles: boolean;
  /** What patterns leave out, by the rules of the tool whose format it is. @throws `EXCLUDE_PATTERN` */
  excludeRules(patterns: readonly string[], onWarning?: OnWarning): ExcludeRules;
  /** The same for a directory that is packed, where what the format has its own use for is left out, too. */
  packRules(patterns: readonly string[], onWarning?: OnWarning): ExcludeRules;
  /** The names, by their extensions, of an archive in two files: one has the contents, the other all else. */
  readonly split?: { readonly archive: string; readonly payload: string };
  /** The name of an entry, as this format writes it: `./etc/`. */
  nameOf(entry: FileEntry): string;
  /**
   * Makes lines as `tar -tv --full-time` prints them, whose columns grow with what was listed before.
   * @param numericOwner whether owners are told by their ids, also where their names are known
   */
  listing(numericOwner: boolean): (entry: FileEntry) => string;
}

/** One archive format. A row of the registry. */
export type ArchiveFormat = DiskFormat | TreeFormat;

export const FORMAT_DETECT_BYTES = 512;

import { printableName } from '@vzdump-format/posix';
import { ArchiveError, type ByteSource, type OnWarning, SliceSource } from '@vzdump-format/streams';
import type { TarEntry } from '../entry.js';
import { BLOCK_SIZE } from '../format.js';
import { isTar } from '../header/header.js';
import { pathOfName } from '../header/names.js';
import type { PaxAttributes } from '../pax/pax-attributes.js';
import { SparseSource } from '../sparse/sparse-source.js';
import { STEP } from '../write/boundaries.js';
import { skipContent } from './archive-reader.js';
import { MemberIndex } from './member-index.js';
import { MemberReader } from './member-reader.js';
import { SourceReader } from './source-reader.js';

/** Headers are read through a window of this size when all are read, and when one is. */
const SCAN_WINDOW = 64 * 1024;
const LOOK_WINDOW = 4 * 1024;

export interface OpenTarOptions {
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An archive whose files can be read at any offset. */
export interface TarArchive {
  /** How many members it has. */
  readonly count: number;
  /** All members in their order, without content. */
  list(): AsyncGenerator<TarEntry>;
  /** The last member of this path (`etc/hosts`, or as stored, `./etc/hosts`), without content. */
  find(path: string): Promise<TarEntry | undefined>;
  /**
   * A file as bytes at rest; of a hardlink, the file that it names.
   * @throws `TAR_NO_SUCH_MEMBER`, `TAR_NO_CONTENT` for what is no file
   */
  file(path: string): Promise<ByteSource>;
}

/**
 * Opens an archive for random access: one pass over the headers, which skips the content. It is refused like
 * by
 * `unpackTar`, but what stands behind its end is not looked at. Memory: 20 to 40 bytes for each member.
 *
 * @throws as `unpackTar`
 */
export async function openTar(archive: ByteSource, options: OpenTarOptions = {}): Promise<TarArchive> {
  const index = new MemberIndex();
  const globals = new GlobalsByMember();
  const reader = new SourceReader(archive, SCAN_WINDOW);
  let members = new MemberReader(reader, options.onWarning);
  for (;;) {
    options.signal?.throwIfAborted();
    globals.add(index.count, members.globals);
    try {
      const entry = await members.next();
      if (entry === undefined) return new IndexedTar(archive, index, globals);
      index.add(entry.path, entry.headerOffset);
      await skipContent(reader, entry.storedSize, entry.path);
    } catch (error) {
      if (!(error instanceof ArchiveError) || error !== reader.failure) throw error;
      const { offset } = reader;
      reader.offset = await memberBehind(archive, offset, error);
      const lost = `files whose headers stand from byte ${offset} to ${reader.offset} are not found`;
      options.onWarning?.({ code: error.code, message: `${lost}: ${error.message}` });
      members = new MemberReader(reader, options.onWarning, members.globals);
    }
  }
}

/**
 * Where a member begins behind a part of the archive that is damaged, with the part that follows. Parts that
 * were cut by their size alone are passed over: content at which they begin may look like a member.
 * @throws `damage` when there is none, or when the archive has no parts
 */
async function memberBehind(archive: ByteSource, offset: number, damage: ArchiveError): Promise<number> {
  if (archive.partAt === undefined) throw damage;
  const block = Buffer.alloc(BLOCK_SIZE);
  for (let part = archive.partAt(offset); part.end < archive.size; ) {
    const next = archive.partAt(part.end);
    const size = part.end - part.start;
    if (size < STEP && size !== next.end - next.start && next.start % BLOCK_SIZE === 0) {
      const got = await archive.read(block, next.start).catch(noneOfDamage);
      if (got === BLOCK_SIZE && isTar(block)) return next.start;
    }
    part = next;
  }
  throw damage;
}

/** What global pax headers had said before a member. */
class GlobalsByMember {
  private readonly states: { readonly first: number; readonly globals: PaxAttributes }[] = [];

  /** @param member from which on they hold, in ascending order */
  add(member: number, globals: PaxAttributes): void {
    if (this.states.at(-1)?.globals !== globals) this.states.push({ first: member, globals });
  }

  of(member: number): PaxAttributes {
    let low = 0;
    let high = this.states.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.states[middle]!.first <= member) low = middle;
      else high = middle - 1;
    }
    return this.states[low]!.globals;
  }
}

class IndexedTar implements TarArchive {
  constructor(
    private readonly archive: ByteSource,
    private readonly index: MemberIndex,
    private readonly globals: GlobalsByMember,
  ) {}

  get count(): number {
    return this.index.count;
  }

  async *list(): AsyncGenerator<TarEntry> {
    const reader = new SourceReader(this.archive, SCAN_WINDOW);
    for (let member = 0; member < this.index.count; member++) yield await this.entryOf(member, reader);
  }

  async find(path: string): Promise<TarEntry | undefined> {
    return (await this.findBefore(pathOfName(path), this.index.count))?.entry;
  }

  async file(path: string): Promise<ByteSource> {
    let before = this.index.count;
    for (let wanted = pathOfName(path); ; ) {
      const found = await this.findBefore(wanted, before);
      if (found === undefined) throw noSuchMember(path, wanted);
      const { entry, member } = found;
      if (entry.type === 'file') return this.contentOf(entry);
      if (entry.type !== 'hardlink') throw noContent(path, entry);
      wanted = entry.linkTarget!; // names a member before it, so that this comes to an end
      before = member;
    }
  }

  private contentOf({ contentOffset, storedSize, extents, size }: TarEntry): ByteSource {
    const stored = new SliceSource(this.archive, contentOffset, storedSize);
    return extents === undefined ? stored : new SparseSource(stored, extents, size);
  }

  private async findBefore(
    path: string,
    before: number,
  ): Promise<{ readonly entry: TarEntry; readonly member: number } | undefined> {
    const reader = new SourceReader(this.archive, LOOK_WINDOW);
    for (const member of this.index.candidates(path)) {
      if (member >= before) continue;
      const entry = await this.entryOf(member, reader);
      if (entry.path === path) return { entry, member };
    }
    return undefined;
  }

  private async entryOf(member: number, reader: SourceReader): Promise<TarEntry> {
    reader.offset = this.index.offsetOf(member);
    const entry = await new MemberReader(reader, undefined, this.globals.of(member)).next();
    if (entry === undefined) throw changed(this.index.offsetOf(member));
    return entry;
  }
}

function noSuchMember(asked: string, path: string): ArchiveError {
  const isAsked = pathOfName(asked) === path;
  const what = isAsked ? 'there is no member' : `${printableName(asked)} is a link to what is not there,`;
  const hint = 'list shows what there is';
  return new ArchiveError('TAR_NO_SUCH_MEMBER', `${what} ${printableName(path)}`, { entry: path, hint });
}

function noContent(asked: string, { type, path, headerOffset, linkTarget }: TarEntry): ArchiveError {
  return new ArchiveError('TAR_NO_CONTENT', `${printableName(asked)} has no content: it is a ${type}`, {
    offset: headerOffset,
    entry: path,
    hint:
      linkTarget === undefined
        ? 'list shows what there is'
        : `it points to ${printableName(linkTarget)}: ask for that`,
  });
}

function changed(offset: number): ArchiveError {
  return new ArchiveError('TAR_CHANGED', 'the archive changed while it was open', { offset });
}

function noneOfDamage(error: unknown): number {
  if (error instanceof ArchiveError) return 0;
  throw error;
}

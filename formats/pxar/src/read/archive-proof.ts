import { printableName } from '@vzdump-format/posix';
import { ArchiveError } from '@vzdump-format/streams';
import type { PxarEntry } from '../entry.js';
import { NAME_HASH_KEY } from '../format.js';
import { ChildTable } from '../goodbye/goodbye.js';
import { checkGoodbye } from '../goodbye/goodbye-check.js';
import { SipHash } from '../goodbye/siphash.js';
import type { ItemReader } from './item-reader.js';
import { PathOffsets } from './path-offsets.js';

/** An entry whose end is not known yet. */
interface BegunEntry {
  readonly low: number;
  readonly high: number;
  /** Of its FILENAME. */
  readonly start: number;
}

interface BegunDirectory extends BegunEntry {
  readonly path: string;
  /** Of its ENTRY; for the root, where the archive begins. */
  readonly entryStart: number;
  readonly children: ChildTable;
}

/** What an archive's entries say, kept to hold its goodbye tables and hardlinks against. */
export class ArchiveProof {
  private readonly hash = new SipHash(NAME_HASH_KEY);
  private readonly files = new PathOffsets();
  private readonly directories: BegunDirectory[] = [];
  private entry: BegunEntry | undefined;
  private entryStart = 0;
  /** Bytes of the entry's content that stand in the payload stream. */
  private elsewhere = 0;

  constructor(private readonly items: ItemReader) {}

  /** The root begins. */
  beginRoot(): void {
    this.directories.push({ path: '', low: 0, high: 0, start: 0, entryStart: 0, children: new ChildTable() });
  }

  /** The FILENAME of an entry is at hand. */
  begin(): void {
    const { input, contentAt, size, start } = this.items;
    this.hash.hash(input.bytes, contentAt, contentAt + size - 1);
    this.entry = { low: this.hash.low, high: this.hash.high, start };
    this.entryStart = input.offset;
    this.elsewhere = 0;
  }

  /** The entry's items are read. @throws `PXAR_HARDLINK` unless it leads to the file that it names */
  add(entry: PxarEntry): void {
    const { path, type, size, linkTarget, linkOffset } = entry;
    if (type === 'directory') {
      const children = new ChildTable();
      this.directories.push({ ...this.entry!, path, entryStart: this.entryStart, children });
      this.entry = undefined;
    } else if (type === 'file') {
      this.files.set(path, entry.archiveOffset);
      if (entry.inPayloadStream) this.elsewhere = size;
    } else if (type === 'hardlink') {
      if (this.files.get(linkTarget!) !== linkOffset) throw wrongHardlink(entry);
      this.files.set(path, linkOffset!);
    }
  }

  /** What was begun last has ended, content and all. */
  end(): void {
    if (this.entry !== undefined) this.addChild(this.entry, this.elsewhere);
    this.entry = undefined;
  }

  /** The GOODBYE of the innermost directory is at hand. @throws `PXAR_GOODBYE` */
  async leave(): Promise<void> {
    const { path, entryStart, children, ...begun } = this.directories.pop()!;
    await checkGoodbye(this.items, { path, start: entryStart, children });
    if (this.directories.length > 0) this.addChild(begun, 0);
  }

  private addChild({ low, high, start }: BegunEntry, elsewhere: number): void {
    this.directories.at(-1)!.children.add(low, high, start, this.items.input.offset - start, elsewhere);
  }
}

function wrongHardlink({ path, linkTarget, archiveOffset }: PxarEntry): ArchiveError {
  const what = `${printableName(path)} does not lead to a file named ${printableName(linkTarget!)}`;
  return new ArchiveError('PXAR_HARDLINK', what, { offset: archiveOffset, entry: path });
}

import { GOODBYE_ITEM_SIZE, NAME_HASH_KEY } from '../format.js';
import {
  type Child,
  ChildTable,
  compareHashes,
  decodeGoodbyeItem,
  type GoodbyeItem,
  isGoodbyeTail,
  SipHash,
  treeOrder,
} from '../goodbye.js';
import { PathOffsets } from '../path-offsets.js';
import { wrongTable } from './directory-reader.js';
import { type PxarEntry, wrongHardlink } from './entry-reader.js';
import type { ItemReader } from './item-reader.js';

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

/**
 * How far children of one name may have changed places: to look further would be to let an archive's author
 * waste time.
 */
const MOST_NAMESAKES = 1000;

interface CheckedDirectory {
  readonly path: string;
  /** Where its ENTRY stands; for the root, where the archive begins. */
  readonly start: number;
  readonly children: ChildTable;
}

/**
 * Holds the GOODBYE at hand against what the directory held, and reads past it: the same children, in the
 * order in which they are looked up, and the end. Children of the same name may have changed places.
 * @throws `PXAR_GOODBYE`
 */
async function checkGoodbye(items: ItemReader, directory: CheckedDirectory): Promise<void> {
  const { input, start } = items;
  const { children } = directory;
  const wrong = (what: string, offset = start) => wrongTable(directory, what, offset);
  const { goodbyeSize } = children;
  if (start + goodbyeSize !== input.offset + items.size) {
    throw wrong(`has ${items.size} bytes, which is not what ${children.length} entries take`);
  }
  const sorted = children.sorted();
  for (const position of treeOrder(children.length)) {
    const offset = input.offset;
    const item = await nextItem(items);
    const child = matchingChild(item, position, { children, sorted, goodbye: start });
    if (child === undefined) throw wrong('has an entry that the directory has not', offset);
    if (item.size !== child.length && item.size !== child.length + child.elsewhere) {
      throw wrong(`gives an entry ${item.size} bytes, and it has ${child.length}`, offset);
    }
  }
  const offset = input.offset;
  const tail = await nextItem(items);
  if (!isGoodbyeTail(tail)) throw wrong('does not end with its end marker', offset);
  if (tail.distance !== start - directory.start) throw wrong('does not lead back to its directory', offset);
  if (tail.size !== goodbyeSize) throw wrong(`says that it has ${tail.size} bytes`, offset);
}

async function nextItem({ input }: ItemReader): Promise<GoodbyeItem> {
  if (!input.has(GOODBYE_ITEM_SIZE)) await input.need(GOODBYE_ITEM_SIZE);
  const item = decodeGoodbyeItem(input.view, input.position);
  input.position += GOODBYE_ITEM_SIZE;
  return item;
}

interface Expected {
  readonly children: ChildTable;
  readonly sorted: Uint32Array;
  readonly goodbye: number;
}

/**
 * The child that an item is about, which must be the one at `position` of the sorted ones, or one of the same
 * hash.
 */
function matchingChild(item: GoodbyeItem, position: number, expected: Expected): Child | undefined {
  const { children, sorted, goodbye } = expected;
  const start = goodbye - item.distance;
  const end = Math.min(sorted.length, position + MOST_NAMESAKES);
  for (let other = position; other < end; other++) {
    const child = children.at(sorted[other]!);
    if (compareHashes(child, item) !== 0) return undefined;
    if (child.start !== start) continue;
    [sorted[position], sorted[other]] = [sorted[other]!, sorted[position]!];
    return child;
  }
  return undefined;
}

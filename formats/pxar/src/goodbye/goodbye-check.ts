import { GOODBYE_ITEM_SIZE } from '../format.js';
import type { ItemReader } from '../read/item-reader.js';
import {
  type Child,
  type ChildTable,
  compareHashes,
  decodeGoodbyeItem,
  type GoodbyeItem,
  isGoodbyeTail,
  treeOrder,
} from './goodbye.js';
import { wrongTable } from './goodbye-table.js';

/**
 * How far children of one name may have changed places: to look further would be to let an archive's author
 * waste time.
 */
const MOST_NAMESAKES = 1000;

export interface CheckedDirectory {
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
export async function checkGoodbye(items: ItemReader, directory: CheckedDirectory): Promise<void> {
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

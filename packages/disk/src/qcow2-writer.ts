import type { FileHandle } from 'node:fs/promises';
import type { WriteAt } from '@vzdump-format/streams';
import type { ImageWriter } from './image-writer.js';
import {
  CLUSTER_SIZE,
  ENTRY_SIZE,
  encodeQcow2Header,
  L2_ENTRIES,
  type Qcow2Layout,
  qcow2Layout,
  readEntry,
  refcounts,
  writeEntry,
} from './qcow2-format.js';

/** How many L2 tables are kept in memory, each for 512 MiB of the disk: those that came last. */
const MOST_TABLES = 64;

interface L2Table {
  readonly offset: number;
  readonly entries: Buffer;
}

/**
 * A new qcow2 image: clusters come one behind the other as they are written first, and what is never written
 * takes no room. The header comes last, so that an image which is not whole is none.
 */
export class Qcow2Writer implements ImageWriter {
  readonly writesZeros = false;
  private readonly layout: Qcow2Layout;
  private readonly l1: Buffer;
  /** By their place in the L1 table, in the order in which they came. */
  private readonly tables = new Map<number, L2Table>();
  private end: number;

  constructor(
    private readonly handle: FileHandle,
    size: number,
    private readonly writeAt: WriteAt,
  ) {
    this.layout = qcow2Layout(size);
    this.l1 = Buffer.alloc(this.layout.l1Entries * ENTRY_SIZE);
    this.end = this.layout.dataOffset;
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < data.length; ) {
      const start = await this.place(offset + at);
      let length = roomIn(offset + at);
      while (at + length < data.length && (await this.place(offset + at + length)) === start + length) {
        length += CLUSTER_SIZE;
      }
      await this.writeAt(this.handle, data.subarray(at, at + length), start);
      at += length;
    }
  }

  async zero(): Promise<void> {}

  async finish(): Promise<void> {
    for (const { offset, entries } of this.tables.values()) await this.writeAt(this.handle, entries, offset);
    await this.writeAt(this.handle, this.l1, this.layout.l1Offset);
    let end = this.end;
    for (const { offset, bytes } of refcounts(this.layout, this.end / CLUSTER_SIZE)) {
      await this.writeAt(this.handle, bytes, offset);
      end = Math.max(end, offset + bytes.length);
    }
    await this.handle.truncate(end);
    await this.writeAt(this.handle, encodeQcow2Header(this.layout), 0);
  }

  async close(): Promise<void> {}

  /** Where in the file a byte of the disk is; its cluster gets a place when it has none. */
  private async place(offset: number): Promise<number> {
    const cluster = Math.floor(offset / CLUSTER_SIZE);
    const { entries } = await this.table(Math.floor(cluster / L2_ENTRIES));
    const index = cluster % L2_ENTRIES;
    let start = readEntry(entries, index);
    if (start === undefined) {
      start = this.allocate();
      writeEntry(entries, index, start);
    }
    return start + (offset % CLUSTER_SIZE);
  }

  private async table(index: number): Promise<L2Table> {
    const known = this.tables.get(index);
    if (known !== undefined) return known;
    if (this.tables.size === MOST_TABLES) await this.putAway();
    const table = await this.loadTable(index);
    this.tables.set(index, table);
    return table;
  }

  private async loadTable(index: number): Promise<L2Table> {
    const entries = Buffer.alloc(CLUSTER_SIZE);
    const offset = readEntry(this.l1, index);
    if (offset !== undefined) {
      await this.handle.read(entries, 0, CLUSTER_SIZE, offset);
      return { offset, entries };
    }
    const made = { offset: this.allocate(), entries };
    writeEntry(this.l1, index, made.offset);
    return made;
  }

  /** Writes the table that has been in memory longest. */
  private async putAway(): Promise<void> {
    const [index, { offset, entries }] = this.tables.entries().next().value!;
    await this.writeAt(this.handle, entries, offset);
    this.tables.delete(index);
  }

  private allocate(): number {
    const start = this.end;
    this.end += CLUSTER_SIZE;
    return start;
  }
}

/** Bytes from an offset of the disk to the end of its cluster. */
function roomIn(offset: number): number {
  return CLUSTER_SIZE - (offset % CLUSTER_SIZE);
}

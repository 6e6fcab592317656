import type { FileEntry } from '@vzdump-format/file-tree';
import type { U64 } from './format.js';
import { SipHash } from './goodbye.js';
import { encodeText } from './names.js';

const FIRST_CAPACITY = 1024;
/** How much of the table may be in use; then it is made twice as large. */
const FULLEST = 0.75;
const FREE = -1;

/**
 * Where files stand in an archive, by path: what hardlinks refer to. Paths are kept as hashes of 64 bits
 * under a key that nobody else knows, so that a million files take 32 MiB, and nobody can make two paths that
 * are taken for one.
 */
export class PathOffsets {
  private readonly hash = new SipHash([randomU64(), randomU64()]);
  private lows = new Uint32Array(FIRST_CAPACITY);
  private highs = new Uint32Array(FIRST_CAPACITY);
  private offsets = new Float64Array(FIRST_CAPACITY).fill(FREE);
  private used = 0;
  /** For the bytes of a path. */
  private scratch = Buffer.alloc(4096);

  /** A path that is there already gets the new offset. */
  set(path: string, offset: number): void {
    if (this.used >= this.offsets.length * FULLEST) this.grow();
    const slot = this.slotOf(path);
    if (this.offsets[slot] === FREE) this.used++;
    this.put(slot, this.hash, offset);
  }

  get(path: string): number | undefined {
    const offset = this.offsets[this.slotOf(path)]!;
    return offset === FREE ? undefined : offset;
  }

  private slotOf(path: string): number {
    if (this.scratch.length < 3 * path.length) this.scratch = Buffer.alloc(6 * path.length);
    this.hash.hash(this.scratch, 0, encodeText(this.scratch, 0, path));
    return this.find(this.hash);
  }

  /** The slot with this hash, or the free one where it belongs. */
  private find({ low, high }: U64): number {
    const mask = this.offsets.length - 1;
    let slot = low & mask;
    while (this.offsets[slot] !== FREE && (this.lows[slot] !== low || this.highs[slot] !== high)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private put(slot: number, { low, high }: U64, offset: number): void {
    this.lows[slot] = low;
    this.highs[slot] = high;
    this.offsets[slot] = offset;
  }

  private grow(): void {
    const { lows, highs, offsets } = this;
    this.lows = new Uint32Array(lows.length * 2);
    this.highs = new Uint32Array(lows.length * 2);
    this.offsets = new Float64Array(lows.length * 2).fill(FREE);
    for (const [index, offset] of offsets.entries()) {
      const hash = { low: lows[index]!, high: highs[index]! };
      if (offset !== FREE) this.put(this.find(hash), hash, offset);
    }
  }
}

function randomU64(): U64 {
  const bytes = process.getBuiltinModule('node:crypto').randomBytes(8);
  return { low: bytes.readUInt32LE(0), high: bytes.readUInt32LE(4) };
}

/**
 * What a hardlink may name later: of each file that may have more than one name, where it stands in the
 * archive.
 */
export class LinkTargets {
  private files: PathOffsets | undefined;
  private readonly others = new Map<string, FileEntry>();

  /** @param start where its FILENAME stands */
  add(entry: FileEntry, start: number): void {
    const { path, type, links } = entry;
    if (type === 'directory' || links === 1) return;
    if (type === 'file') this.set(path, start);
    else this.others.set(path, entry);
  }

  /** A further name of a file, which may be named in its turn by who does not know the first. */
  addName({ path, links }: FileEntry, start: number): void {
    if (links === undefined) this.set(path, start);
  }

  offsetOf(path: string): number | undefined {
    return this.files?.get(path);
  }

  /** What is no file, and so can have only one name in an archive. */
  otherNamed(path: string): FileEntry | undefined {
    return this.others.get(path);
  }

  private set(path: string, start: number): void {
    this.files ??= new PathOffsets(); // few trees have any
    this.files.set(path, start);
  }
}

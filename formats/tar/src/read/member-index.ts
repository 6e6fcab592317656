import { pathHash } from './path-hash.js';

const FIRST_CAPACITY = 1024;
const NONE = 0xffffffff;

/** Where members stand, by path: 20 to 40 bytes each. */
export class MemberIndex {
  /** How many there are. */
  count = 0;
  private offsets = new Float64Array(FIRST_CAPACITY);
  private hashes = new Uint32Array(FIRST_CAPACITY);
  /** Of each member, the one before it whose hash falls into the same bucket. */
  private before = new Uint32Array(FIRST_CAPACITY);
  /** Of each bucket, the last member. There are as many as members have room. */
  private buckets = new Uint32Array(FIRST_CAPACITY).fill(NONE);

  add(path: string, offset: number): void {
    if (this.count === this.offsets.length) this.grow();
    this.offsets[this.count] = offset;
    this.hashes[this.count] = pathHash(path);
    this.link(this.count);
    this.count++;
  }

  offsetOf(member: number): number {
    return this.offsets[member]!;
  }

  /** Members that may have this path, the last one first. */
  *candidates(path: string): Generator<number> {
    const hash = pathHash(path);
    for (let member = this.buckets[this.bucketOf(hash)]!; member !== NONE; member = this.before[member]!) {
      if (this.hashes[member] === hash) yield member;
    }
  }

  private bucketOf(hash: number): number {
    return hash % this.buckets.length;
  }

  private link(member: number): void {
    const bucket = this.bucketOf(this.hashes[member]!);
    this.before[member] = this.buckets[bucket]!;
    this.buckets[bucket] = member;
  }

  private grow(): void {
    const capacity = this.offsets.length * 2;
    this.offsets = grown(this.offsets, new Float64Array(capacity));
    this.hashes = grown(this.hashes, new Uint32Array(capacity));
    this.before = new Uint32Array(capacity);
    this.buckets = new Uint32Array(capacity).fill(NONE);
    for (let member = 0; member < this.count; member++) this.link(member);
  }
}

function grown<T extends Float64Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

import { parentOf } from '@vzdump-format/file-tree';
import { ArchiveError } from '@vzdump-format/streams';
import type { PaxAttributes } from '../pax/pax-attributes.js';

const FIRST_CAPACITY = 1024;
const NONE = 0xffffffff;

/** Where members stand, by path: 24 to 48 bytes each. */
export class MemberIndex {
  /** How many there are. */
  count = 0;
  private offsets = new Float64Array(FIRST_CAPACITY);
  private hashes = new Uint32Array(FIRST_CAPACITY);
  /** Of the directories that they are in. */
  private parents = new Uint32Array(FIRST_CAPACITY);
  /** Of each member, the one before it whose hash falls into the same bucket. */
  private before = new Uint32Array(FIRST_CAPACITY);
  /** Of each bucket, the last member. There are as many as members have room. */
  private buckets = new Uint32Array(FIRST_CAPACITY).fill(NONE);

  add(path: string, offset: number): void {
    if (this.count === this.offsets.length) this.grow();
    this.offsets[this.count] = offset;
    this.hashes[this.count] = pathHash(path);
    this.parents[this.count] = pathHash(parentOf(path));
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

  /** Whether there is one of this path, but for those of which both hashes happen to be the same. */
  has(path: string): boolean {
    const parent = pathHash(parentOf(path));
    for (const member of this.candidates(path)) if (this.parents[member] === parent) return true;
    return false;
  }

  /** Members that may be in this directory, the first one first. */
  *candidatesIn(directory: string): Generator<number> {
    const hash = pathHash(directory);
    for (let member = 0; member < this.count; member++) if (this.parents[member] === hash) yield member;
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
    this.parents = grown(this.parents, new Uint32Array(capacity));
    this.before = new Uint32Array(capacity);
    this.buckets = new Uint32Array(capacity).fill(NONE);
    for (let member = 0; member < this.count; member++) this.link(member);
  }
}

function grown<T extends Float64Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** An archive without members for its directories has a few of them for each file. */
const MOST_IMPLIED_DIRECTORIES = 1_000_000;
const NO_PATHS: ReadonlySet<string> = new Set();

/** What global pax headers had said before a member. */
export class GlobalsByMember {
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

/** Directories that have no member before what is in them, by the directory that each is in. */
export class ImpliedDirectories {
  private readonly names = new Map<string, Set<string>>();
  private count = 0;

  constructor(private readonly index: MemberIndex) {}

  /** @param path of a member. @throws `TAR_LIMIT` */
  add(path: string): void {
    for (let directory = parentOf(path); directory !== '' && !this.isKnown(directory); ) {
      if (++this.count > MOST_IMPLIED_DIRECTORIES) {
        const what = `more than ${MOST_IMPLIED_DIRECTORIES} directories have no member of their own`;
        throw new ArchiveError('TAR_LIMIT', what, { entry: path });
      }
      const parent = parentOf(directory);
      const siblings = this.names.get(parent);
      if (siblings === undefined) this.names.set(parent, new Set([directory]));
      else siblings.add(directory);
      directory = parent;
    }
  }

  /** The paths of those in a directory. */
  in(directory: string): ReadonlySet<string> {
    return this.names.get(directory) ?? NO_PATHS;
  }

  has(path: string): boolean {
    return path === '' || this.in(parentOf(path)).has(path);
  }

  private isKnown(directory: string): boolean {
    return this.has(directory) || this.index.has(directory);
  }
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A number of 32 bits for a path, always the same: FNV-1a, stirred as MurmurHash3 does so that like paths get
 * unlike ones.
 */
export function pathHash(path: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < path.length; at++) {
    hash = Math.imul(hash ^ path.charCodeAt(at), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

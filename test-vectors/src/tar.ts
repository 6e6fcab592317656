import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { vectorBytes } from './vma.js';

/** A file of a tree that was packed, as the system told of it. Names of one file have the same `inode`. */
export interface TreeFile {
  /** The first of its paths. */
  readonly inode: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'char' | 'block';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch. */
  readonly mtime: string;
  readonly linkTarget?: string;
  /** Major and minor number. */
  readonly device?: readonly [number, number];
  /** Of a file. */
  readonly size?: number;
  /** Of a file's content; not there for one of gigabytes. */
  readonly sha256?: string;
  /** In base 64, capabilities among them. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** As getfacl prints it, with numbers. */
  readonly acl?: readonly string[];
  readonly defaultAcl?: readonly string[];
}

/** An archive that GNU tar or bsdtar made. */
export interface GoldenTar {
  readonly name: string;
  readonly command: string;
  readonly sha256: string;
  /** By path; the root is the empty string. Bytes that are not UTF-8 are U+DC80..U+DCFF. */
  readonly files: Readonly<Record<string, TreeFile>>;
  /** What GNU tar's `-tvf --full-time` says of it, in UTC. */
  readonly listing: readonly string[];
}

interface Expected {
  readonly trees: Readonly<Record<string, Readonly<Record<string, TreeFile>>>>;
  readonly archives: Readonly<Record<string, Omit<GoldenTar, 'name' | 'files'> & { readonly tree: string }>>;
}

export function goldenTars(): GoldenTar[] {
  const path = fileURLToPath(new URL('../tar/expected.json', import.meta.url));
  const { trees, archives } = JSON.parse(readFileSync(path, 'utf8')) as Expected;
  return Object.entries(archives).map(([name, { tree, command, sha256, listing }]) => ({
    ...{ name, command, sha256, listing },
    files: trees[tree]!,
  }));
}

export function goldenTarBytes({ name }: Pick<GoldenTar, 'name'>): Buffer {
  return vectorBytes(`tar/${name}.tar`);
}

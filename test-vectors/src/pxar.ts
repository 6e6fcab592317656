import { readdirSync, readFileSync } from 'node:fs';
import { vectorPath } from './vma.js';

/** An archive that the `pxar` crate wrote, and what the crate says is in it. */
export interface GoldenPxar {
  readonly name: string;
  readonly note: string | null;
  readonly archive: string;
  readonly archive_size: number;
  readonly payload?: string;
  readonly decoder: { readonly ok: boolean; readonly entries: readonly PxarListing[] };
  readonly accessor: {
    readonly ok: boolean;
    readonly entries: readonly {
      readonly path: string;
      readonly type: string;
      readonly filename_offset?: number;
      /** Of its ENTRY, and where it ends. */
      readonly entry_range: readonly [start: number, end: number];
    }[];
  };
}

/**
 * One line of a listing. Numbers that JSON could not hold are strings; modes are octal, flags hexadecimal.
 */
export interface PxarListing {
  /** Of the path, from `/` on. */
  readonly path_hex: string;
  readonly type:
    | 'version'
    | 'prelude'
    | 'dir'
    | 'file'
    | 'symlink'
    | 'hardlink'
    | 'block'
    | 'char'
    | 'fifo'
    | 'socket';
  readonly version?: string;
  readonly prelude_hex?: string;
  readonly mode?: string;
  readonly flags?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime_secs?: string;
  readonly mtime_nanos?: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly payload_offset?: number;
  readonly target_hex?: string;
  readonly link_offset?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly fcaps_hex?: string;
  readonly xattrs?: readonly { readonly name_hex: string; readonly value_hex: string }[];
  readonly acl?: {
    readonly users: readonly { readonly uid: number; readonly perm: number }[];
    readonly groups: readonly { readonly gid: number; readonly perm: number }[];
    readonly group_obj?: number;
    readonly default?: {
      readonly user_obj: number;
      readonly group_obj: number;
      readonly other: number;
      readonly mask: number | 'none';
    };
    readonly default_users: readonly { readonly uid: number; readonly perm: number }[];
    readonly default_groups: readonly { readonly gid: number; readonly perm: number }[];
  };
}

interface CrateVerdict {
  readonly ok: boolean;
  readonly error: string | null;
  readonly entries: number;
}

/** A damaged or odd archive, and what the `pxar` crate and the real extractor make of it. */
export interface PxarCase {
  readonly name: string;
  readonly archive: string;
  readonly payload: string | null;
  readonly note: string;
  readonly list: CrateVerdict;
  readonly read: CrateVerdict;
  readonly accessor: CrateVerdict;
  readonly extract: { readonly rc: number; readonly created: readonly string[] | null };
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(vectorPath(name), 'utf8')) as T;
}

export function goldenPxars(): GoldenPxar[] {
  return readdirSync(vectorPath('pxar'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => readJson<GoldenPxar>(`pxar/${name}`));
}

export function badPxars(): PxarCase[] {
  return readJson<PxarCase[]>('pxar-bad/expected.json');
}

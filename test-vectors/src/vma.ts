import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { ContentRecipe } from './content.js';

interface ToolResult {
  /** As a shell shows it; 0 is success. */
  readonly rc: number;
  readonly stdout?: string;
  readonly message?: string;
  readonly files?: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
}

/** An archive that Proxmox's tool wrote, and what it holds. */
export interface GoldenVma {
  readonly name: string;
  readonly archive: { readonly size: number; readonly sha256: string };
  readonly header: { readonly uuid: string; readonly ctime: number };
  readonly devices: readonly {
    readonly id: number;
    readonly name: string;
    readonly size: number;
    /** Of the content, zero-padded to `size`. */
    readonly sha256: string;
    readonly content: ContentRecipe;
  }[];
  readonly configs: readonly { readonly name: string; readonly size: number; readonly sha256: string; readonly text: string }[];
  readonly tool: { readonly list: ToolResult; readonly extract: ToolResult };
}

/** An archive made by hand, and what Proxmox's tool says of it. */
export interface VmaCase {
  readonly name: string;
  readonly note: string;
  readonly size: number;
  readonly sha256: string;
  readonly list: ToolResult;
  readonly verify: ToolResult;
  readonly extract: ToolResult;
  readonly devices?: readonly { readonly id: number; readonly size: number; readonly sha256: string }[];
  readonly recipe?: {
    readonly base: string;
    readonly patch?: readonly (readonly [number, string])[];
    readonly truncate?: number;
    readonly append_hex?: string;
  };
}

function path(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}

/** The bytes of a golden file below this folder, as `vma/masks.vma`; large ones are kept gzipped. */
export function vectorBytes(name: string): Buffer {
  return existsSync(path(name)) ? readFileSync(path(name)) : gunzipSync(readFileSync(path(`${name}.gz`)));
}

/** The path of a golden file that is kept as it is. */
export function vectorPath(name: string): string {
  return path(name);
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(path(name), 'utf8')) as T;
}

export function goldenVmas(): GoldenVma[] {
  return readdirSync(path('vma'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => readJson<GoldenVma>(`vma/${name}`));
}

/** Legal archives that no writer makes. One of them, `extent-max-3867136`, is not kept but can be built. */
export function craftedVmas(): VmaCase[] {
  return cases('vma-crafted/expected.json');
}

/** Damaged or odd archives. */
export function badVmas(): VmaCase[] {
  return cases('vma-bad/expected.json');
}

function cases(file: string): VmaCase[] {
  const { cases: all } = readJson<{ cases: Record<string, Omit<VmaCase, 'name'>> }>(file);
  return Object.entries(all).map(([name, entry]) => ({ name, ...entry }));
}

/** Builds a bad archive from its recipe, or reads it. */
export function badVmaBytes({ name, recipe }: VmaCase): Buffer {
  if (recipe === undefined) return vectorBytes(`vma-bad/${name}.vma`);
  const base = Buffer.from(vectorBytes(`vma-bad/${recipe.base}`));
  for (const [offset, hex] of recipe.patch ?? []) base.set(Buffer.from(hex, 'hex'), offset);
  return Buffer.concat([
    base.subarray(0, recipe.truncate ?? base.length),
    Buffer.from(recipe.append_hex ?? '', 'hex'),
  ]);
}

/** What each archive that Proxmox's `extract` fails on is refused with, however it is read. */
export const REFUSED_WITH: Readonly<Record<string, readonly string[]>> = {
  VMA_HEADER_CHECKSUM: [
    'header-md5-flipped',
    'header-reserved-flipped',
    'header-blob-flipped',
    'header-uuid-flipped',
    'header-size-plus-512',
  ],
  VMA_MAGIC: ['header-magic-wrong-md5-fixed', 'leading-byte'],
  VMA_VERSION: ['header-version-0'],
  VMA_HEADER_SIZE: ['header-size-0', 'header-size-huge'],
  VMA_BLOB_BUFFER: ['header-size-12289', 'blob-offset-12287', 'blob-offset-max'],
  VMA_BLOB: [
    'blob-size-0',
    'blob-size-short',
    'config-name-ptr-bad',
    'config-data-ptr-bad',
    'config-name-blob-len-0',
  ],
  VMA_CONFIG_NAME: ['config-name-empty'],
  VMA_DEVICE_SIZE: ['device-size-not-512'],
  VMA_UNKNOWN_DEVICE: [
    'device-name-ptr-bad',
    'device-name-no-nul',
    'device-size-0',
    'device-id-unknown-5-zero-cluster',
    'device-id-255',
    'device-255-in-header',
    'device-name-blob-len-0',
  ],
  VMA_CLUSTER_RANGE: [
    'device-size-smaller',
    'cluster-beyond-end-data',
    'cluster-beyond-end-partial',
    'cluster-beyond-bitmap',
    'cluster-max',
    'block-beyond-device-end',
  ],
  VMA_MISSING_CLUSTERS: ['device-size-bigger', 'truncated-header-only', 'device-id-0-zero-cluster'],
  VMA_DUPLICATE_CLUSTER: ['extent-repeated', 'cluster-duplicate'],
  VMA_VMSTATE_ORDER: ['vmstate-out-of-order'],
  VMA_TRUNCATED: [
    'file-empty',
    'truncated-3-bytes',
    'truncated-mid-header',
    'truncated-header-12288',
    'truncated-extent-header',
    'truncated-extent-header-exact',
    'truncated-mid-extent',
    'truncated-last-byte',
  ],
  VMA_TRAILING_DATA: ['trailing-511-bytes', 'trailing-512-zero', 'two-archives-joined'],
  VMA_EXTENT_MAGIC: ['header-size-plus-512-md5-fixed', 'extent-magic-wrong', 'extent-magic-wrong-md5-fixed'],
  VMA_EXTENT_CHECKSUM: ['extent-blockinfo-flipped', 'extent-uuid-flipped', 'multi-third-extent-md5'],
  VMA_EXTENT_UUID: ['extent-uuid-wrong'],
  VMA_EXTENT_RESERVED: ['extent-reserved1-nonzero'],
  VMA_EXTENT_BLOCK_COUNT: [
    'extent-block-count-plus-1-data',
    'extent-block-count-minus-1',
    'extent-block-count-0',
    'mask-bit-cleared',
  ],
};

/** What Proxmox restores and we do not, or only with a warning; the README says why. */
export const DECIDED: Readonly<Record<string, { error?: string; warning?: string }>> = {
  base: {},
  multi: {},
  'config-name-only': { warning: 'VMA_CONFIG_INCOMPLETE' },
  'config-name-traversal': { error: 'VMA_CONFIG_NAME' },
  'config-name-embedded-nul': { warning: 'VMA_NAME' },
  'device-0-in-header': { warning: 'VMA_DEVICE_IGNORED' },
  'no-config-no-device': {},
  'mask-swapped-same-count': {},
  'ctime-max': {},
};

/** What becomes of a bad archive. */
export interface Verdict extends VmaCase {
  /** The error's code; none when the archive is read. */
  readonly error: string | undefined;
  readonly warning: string | undefined;
}

export function verdicts(): Verdict[] {
  const codes = new Map(
    Object.entries(REFUSED_WITH).flatMap(([code, names]) => names.map((name) => [name, code] as const)),
  );
  return badVmas().map((entry) => ({
    ...entry,
    error: codes.get(entry.name) ?? DECIDED[entry.name]?.error,
    warning: DECIDED[entry.name]?.warning,
  }));
}

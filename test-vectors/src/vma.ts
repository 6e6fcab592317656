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

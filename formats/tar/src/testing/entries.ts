import { createHash } from 'node:crypto';
import { type Content, formatAclText } from '@vzdump-format/file-tree';
import { lending } from '@vzdump-format/testing';
import type { TarEntry } from '../read/member.js';

/**
 * An entry with its content, as it was in the file: of a sparse one with its holes, unless it is too large
 * for that.
 */
export interface ReadEntry extends Omit<TarEntry, 'content'> {
  readonly content: Buffer | undefined;
}

const LARGEST = 64 * 1024 * 1024;

/** Reads all of an archive, each content before the next entry is asked for. */
export async function readEntries(entries: AsyncIterable<TarEntry>): Promise<ReadEntry[]> {
  const result: ReadEntry[] = [];
  for await (const entry of lending(entries)) result.push(await readEntry(entry));
  return result;
}

export async function readEntry(entry: TarEntry): Promise<ReadEntry> {
  const { content, fcaps } = entry;
  return {
    ...entry,
    fcaps: fcaps && Uint8Array.from(fcaps),
    content: content && wholeFile(entry, await contentBytes(content)),
  };
}

export async function contentBytes(content: Content): Promise<Buffer> {
  if (content instanceof Uint8Array) return Buffer.from(content);
  const parts: Buffer[] = [];
  for await (const part of content) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

function wholeFile({ extents, size }: TarEntry, stored: Buffer): Buffer {
  if (extents === undefined || size > LARGEST) return stored;
  const file = Buffer.alloc(size);
  let at = 0;
  for (const { offset, length } of extents) {
    stored.copy(file, offset, at, at + length);
    at += length;
  }
  return file;
}

/** What an archive holds, in lines, whichever pieces it came in. */
export async function describeEntries(entries: AsyncIterable<TarEntry>): Promise<string[]> {
  return (await readEntries(entries)).map(describeEntry);
}

export function describeEntry({ content, xattrs, acl, defaultAcl, fcaps, ...fields }: ReadEntry): string {
  return JSON.stringify(
    {
      ...fields,
      xattrs: [...(xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
      acl: acl && formatAclText(acl),
      defaultAcl: defaultAcl && formatAclText(defaultAcl),
      fcaps: fcaps && Buffer.from(fcaps).toString('base64'),
      content: content && createHash('sha256').update(content).digest('hex'),
    },
    (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value),
  );
}

import type { FileEntry } from '@vzdump-format/file-tree';

/** The content of a file if it is there as a whole, as one array. */
export function contentAtHand({ size, content, extents }: FileEntry): Uint8Array | undefined {
  const isWhole = content instanceof Uint8Array && extents === undefined && content.length === size;
  return isWhole ? content : undefined;
}

import type { FileHandle } from 'node:fs/promises';

/** Where a disk's content goes. */
export type ImagePlace =
  /** A file that is empty so far; what is not written reads as zeros. */
  | { readonly kind: 'file'; readonly path: string; readonly handle: FileHandle }
  /** A block device; `zeroed` says whether all of it reads as zeros. */
  | { readonly kind: 'device'; readonly path: string; readonly zeroed: boolean };

/**
 * Puts a disk's content where it goes, in any order. What is not written reads as zeros only after `zero`.
 */
export interface ImageWriter {
  /** Whether zeros have to be written, because something else may be there. */
  readonly writesZeros: boolean;
  write(data: Uint8Array, offset: number): Promise<void>;
  zero(offset: number, length: number): Promise<void>;
  /** All is written: what remains to be done for it to be a whole image. */
  finish(): Promise<void>;
  /** Lets go of what it holds; a volume's own file is the volume's to close. */
  close(): Promise<void>;
}

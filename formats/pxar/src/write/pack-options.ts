import type { OnWarning, Piece } from '@vzdump-format/streams';

/**
 * Takes the bytes of a payload stream, one chunk after the other; valid until it resolves, where buffers are
 * reused.
 */
export type PayloadSink<P extends Piece = Uint8Array> = (piece: P) => void | Promise<void>;

export interface PackPxarOptions<P extends Piece = Uint8Array> {
  /** Makes a split archive (version 2): contents go here, and the archive has the rest. */
  readonly payload?: PayloadSink<P> | undefined;
  /**
   * What was left out, to be noted in the archive as `pxar create` does with the patterns of its command
   * line.
   */
  readonly excludePatterns?: readonly string[] | undefined;
  /**
   * Who owns the file with these notes: as `pxar create` has it, who runs it, so that they can restore it.
   * Unless given, root.
   */
  readonly excludesOwner?: { readonly uid: number; readonly gid: number } | undefined;
  /** In place of those, for a split archive: any bytes, up to 16 MiB. */
  readonly prelude?: Uint8Array | undefined;
  /** Which extended attributes to keep; all unless given. See `isKeptByProxmox`. */
  readonly keepsXattr?: ((name: string) => boolean) | undefined;
  readonly onWarning?: OnWarning | undefined;
  readonly signal?: AbortSignal | undefined;
}

import { ArchiveError, allZero, type ByteReader, type OnWarning } from '@vzdump-format/streams';

interface Trailing {
  /** The prefix of the codes: `GZIP` gives `GZIP_TRAILING` and `GZIP_PADDING`. */
  readonly prefix: string;
  /** Where the compressed data ends. */
  readonly end: number;
  /** What was read behind the end already. */
  readonly first: Uint8Array;
  readonly onWarning: OnWarning | undefined;
}

/**
 * Reads what follows the compressed data to its end. Zeros are the padding of a tape or a block device, and
 * worth a warning; anything else is refused, as it may be the rest of a damaged archive.
 */
export async function readTrailing(reader: ByteReader, trailing: Trailing): Promise<void> {
  const { prefix, end, first, onWarning } = trailing;
  requireZeros(first, trailing);
  while (!(await reader.atEnd())) requireZeros(await reader.readSome(1 << 20), trailing);
  const message = `${reader.offset - end} zero bytes follow the end of the compressed data`;
  onWarning?.({ code: `${prefix}_PADDING`, message, offset: end, entry: undefined, hint: undefined });
}

function requireZeros(bytes: Uint8Array, { prefix, end }: Trailing): void {
  if (allZero(bytes)) return;
  throw new ArchiveError(`${prefix}_TRAILING`, 'garbage follows the end of the compressed data', {
    offset: end,
    hint: 'the file may be damaged, or something was appended to it; everything before was read',
  });
}

/** Whether `bytes` is, as far as it goes, the beginning of one of the patterns. */
export function isPrefixOfAny(bytes: Uint8Array, patterns: readonly Uint8Array[]): boolean {
  return patterns.some((pattern) => bytes.every((byte, index) => byte === pattern[index]));
}

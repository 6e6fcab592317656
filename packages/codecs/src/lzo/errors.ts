import { ArchiveError, type ByteReader } from '@vzdump-format/streams';

export function truncated(offset: number): ArchiveError {
  return new ArchiveError('LZOP_TRUNCATED', 'unexpected end of the lzop data', {
    offset,
    hint: 'the file is incomplete: was it copied whole?',
  });
}

/** @throws `LZOP_TRUNCATED` when there are fewer bytes. */
export async function readOrTruncated(reader: ByteReader, length: number): Promise<Uint8Array> {
  const bytes = await reader.readUpTo(length);
  if (bytes.length < length) throw truncated(reader.offset);
  return bytes;
}

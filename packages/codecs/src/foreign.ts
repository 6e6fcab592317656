import { isPrefixOfAny } from './trailing.js';

/** A compressed format that is not read here. */
export interface ForeignCompression {
  readonly name: string;
  /** What writes its content to standard output, before the file's name. */
  readonly command: string;
  readonly magic: readonly Uint8Array[];
}

const bytes = (...hex: readonly string[]) => hex.map((each) => new Uint8Array(Buffer.from(each, 'hex')));

/** What people compress archives with besides, so that it can be called by its name. */
const FOREIGN: readonly ForeignCompression[] = [
  { name: 'xz', command: 'xz -dc', magic: bytes('fd377a585a00') },
  { name: 'lzma', command: 'xz -dc', magic: bytes('5d0000') },
  { name: 'lzip', command: 'lzip -dc', magic: bytes('4c5a4950') },
  { name: 'lz4', command: 'lz4 -dc', magic: bytes('04224d18', '02214c18') },
  { name: 'zip', command: 'unzip -p', magic: bytes('504b0304') },
  { name: '7z', command: '7z x -so', magic: bytes('377abcaf271c') },
  { name: 'compress (.Z)', command: 'gzip -dc', magic: bytes('1f9d') },
  { name: 'zlib', command: 'pigz -dc', magic: bytes('7801', '785e', '789c', '78da') },
];

/**
 * What a file is compressed with that is not read here; undefined when it looks like nothing of the kind. The
 * magic numbers of some are short: ask when the content is nothing else.
 */
export function foreignCompression(head: Uint8Array): ForeignCompression | undefined {
  return FOREIGN.find(({ magic }) =>
    magic.some((each) => head.length >= each.length && isPrefixOfAny(each, [head])),
  );
}

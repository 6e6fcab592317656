import { ByteReader } from '@vzdump-format/streams';
import { overwriting } from '@vzdump-format/testing';
import { BlockFinder } from '../gzip/deflate-blocks.js';
import { FIXED_HEADER_SIZE, TRAILER_SIZE } from '../gzip/format.js';
import { readBlocks } from '../lzo/batches.js';
import { FrameWalker } from '../zstd/frames.js';

/** Where in a file each block's header begins, and where its data does. */
type PlacesIn = (file: Buffer) => Promise<number[]>;

export const lzopPlaces: PlacesIn = async (file) => {
  const found: number[] = [];
  for await (const { offset, size, length } of readBlocks(new ByteReader(overwriting(file, 65536)))) {
    found.push(offset, offset + size - length);
  }
  return found;
};

export const gzipPlaces: PlacesIn = async (file) => {
  const finder = new BlockFinder();
  const end = file.length - TRAILER_SIZE;
  finder.input = file.subarray(FIXED_HEADER_SIZE, end);
  const found = new Set([FIXED_HEADER_SIZE, end, end + 4]);
  while (!finder.ended) {
    finder.step();
    if (finder.atBlock) found.add(end - finder.inputLeft);
  }
  return [...found];
};

export const zstdPlaces: PlacesIn = async (file) => {
  const walker = new FrameWalker(overwriting(file, 65536));
  const found: number[] = [];
  for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
    found.push(frame.offset, frame.offset + frame.bytes.length);
    const oneByOne = () => ({ blocks: 1, bytes: Number.POSITIVE_INFINITY });
    for await (const { offset, blocks } of walker.parts(frame.header, oneByOne))
      if (blocks > 0) found.push(offset);
    found.push(walker.reader.offset);
  }
  return found;
};

/** Where a frame ends and more follow: a reader of a stream cannot know that the table is missing. */
export const zstdFrameEnds: PlacesIn = async (file) => {
  const walker = new FrameWalker(overwriting(file, 65536));
  const ends: number[] = [];
  for (let frame = await walker.next(); frame !== undefined; frame = await walker.next()) {
    for await (const part of walker.parts(frame.header)) void part;
    ends.push(walker.reader.offset);
  }
  return ends;
};

/** Blocks begin at any bit: they are found by their magic number. */
export const bzip2Places: PlacesIn = async (file) => {
  const found: number[] = [];
  const magic = 0x314159265359;
  for (let at = 0; at + 7 <= file.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bits = (BigInt(file.readUIntBE(at, 6)) << 8n) | BigInt(file[at + 6]!);
      if (Number((bits >> BigInt(8 - bit)) & 0xffff_ffff_ffffn) === magic) found.push(at);
    }
  }
  return found;
};

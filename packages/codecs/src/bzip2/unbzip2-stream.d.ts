declare module 'unbzip2-stream/lib/bzip2.js' {
  /** Reads so many bits, up to 32; `null` goes on to the next byte boundary. */
  type Bits = (count: number | null) => number;
  const bzip2: {
    /** Reads the header of a stream. @returns the block size in units of 100,000 bytes. */
    header(bits: Bits): number;
    /** Decodes a block byte by byte. @returns the checksum so far; null at the end of the stream. */
    decompress(
      bits: Bits,
      write: (byte: number) => void,
      buffer: Int32Array,
      bufferSize: number,
      checksum: number,
    ): number | null;
  };
  // biome-ignore lint/style/noDefaultExport: a CommonJS module
  export default bzip2;
}

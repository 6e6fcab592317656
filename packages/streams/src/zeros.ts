/** Small enough to stay in the processor's cache, however often it is given out. */
const ZEROS = new Uint8Array(256 * 1024);

/** Whether there are only zeros. Each byte is compared with the one before it, at the speed of memory. */
export function allZero(bytes: Uint8Array): boolean {
  return (
    bytes.length === 0 || (bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0)
  );
}

/** So many zeros, in chunks: the same few again and again, which nobody may write to. */
export function* zeroChunks(length: number): Generator<Uint8Array> {
  for (let at = 0; at < length; at += ZEROS.length) yield ZEROS.subarray(0, length - at);
}

/** Whether there are only zeros. Each byte is compared with the one before it, at the speed of memory. */
export function allZero(bytes: Uint8Array): boolean {
  return (
    bytes.length === 0 || (bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0)
  );
}

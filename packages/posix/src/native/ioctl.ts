/** The direction of the data, seen from the program: bits of an ioctl's number (<asm/ioctl.h>). */
const [READ, WRITE] = process.arch === 'ppc64' ? [0x4000_0000, 0x8000_0000] : [0x8000_0000, 0x4000_0000];

/** The number of an ioctl that reads a struct of `size` bytes: `_IOR(type, number, struct)`. */
export function ioctlThatReads(type: number, number: number, size: number): number {
  return (READ | (size << 16) | (type << 8) | number) >>> 0;
}

/** `_IOW(type, number, struct)` */
export function ioctlThatWrites(type: number, number: number, size: number): number {
  return (WRITE | (size << 16) | (type << 8) | number) >>> 0;
}

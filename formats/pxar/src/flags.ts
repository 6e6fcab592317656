/**
 * File attributes: as an ENTRY has them, and as Linux does (`FS_*_FL` of linux/fs.h). The attributes of FAT,
 * which Linux has no bits for (hidden 0x2000, system 0x4000, archive 0x8000), are not carried.
 */
const PAIRS = [
  { pxar: 0x1_0000, linux: 0x20 }, // append only
  { pxar: 0x2_0000, linux: 0x80 }, // no atime
  { pxar: 0x4_0000, linux: 0x4 }, // compressed
  { pxar: 0x8_0000, linux: 0x80_0000 }, // no copy on write
  { pxar: 0x10_0000, linux: 0x40 }, // no dump
  { pxar: 0x20_0000, linux: 0x1_0000 }, // synchronous directory
  { pxar: 0x40_0000, linux: 0x10 }, // immutable
  { pxar: 0x80_0000, linux: 0x8 }, // synchronous
  { pxar: 0x100_0000, linux: 0x400 }, // not compressed
  { pxar: 0x200_0000, linux: 0x2000_0000 }, // project inherited
] as const;

export const KNOWN_PXAR_FLAGS = PAIRS.reduce((all, { pxar }) => all | pxar, 0);

const KNOWN_LINUX_FLAGS = PAIRS.reduce((all, { linux }) => all | linux, 0);

/** Leaves out what pxar has no bit for: most of it only says how a file system stores the file. */
export function toPxarFlags(linuxFlags: number): number {
  if ((linuxFlags & KNOWN_LINUX_FLAGS) === 0) return 0; // as most files
  return PAIRS.reduce((all, { pxar, linux }) => ((linuxFlags & linux) === 0 ? all : all | pxar), 0);
}

export function toLinuxFlags(pxarFlags: number): number {
  return PAIRS.reduce((all, { pxar, linux }) => ((pxarFlags & pxar) === 0 ? all : all | linux), 0);
}

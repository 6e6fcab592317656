import type { BigIntStats } from 'node:fs';
import { constants } from 'node:os';
import { systemError } from '../native/system-error.js';
import { decodeDevice } from './device-number.js';
import { type FileStatus, fileTypeOf } from './file-status.js';

/** What the file systems of other systems, too, count blocks in (Node gives none on Windows). */
const STAT_BLOCK_SIZE = 512;

/**
 * What `node:fs` tells of a file. Device numbers are taken apart as Linux does.
 * @throws `EOVERFLOW` for a size past 2^53
 */
export function statusFromNode(stats: BigIntStats, path?: string): FileStatus {
  if (stats.size > Number.MAX_SAFE_INTEGER) throw systemError(constants.errno.EOVERFLOW, 'stat', path);
  const mode = Number(stats.mode);
  return {
    type: fileTypeOf(mode >> 12) ?? 'fifo',
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    links: Number(stats.nlink),
    inode: stats.ino,
    deviceId: Number(stats.dev),
    specialDevice: decodeDevice(Number(stats.rdev)),
    allocatedBytes: Number(stats.blocks) * STAT_BLOCK_SIZE,
    mtime: stats.mtimeNs,
    ctime: stats.ctimeNs,
  };
}

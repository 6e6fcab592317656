import { seekData, seekHole } from '@vzdump-format/posix';
import type { EventLoopTurns } from '@vzdump-format/streams';
import type { Extent } from '../entry/entry.js';

/** More are never kept, whatever a file is like: in memory they take some 50 bytes each. */
const MOST_EXTENTS = 1 << 16;

/**
 * Where a file has data, as its file system tells: not by looking for zeros.
 *
 * Of a file in more than 65536 pieces the smallest holes count as data, so that memory is bounded.
 *
 * @returns `undefined` for a file without holes, and where the file system does not tell
 */
export async function findExtents(
  fd: number,
  size: number,
  turns: EventLoopTurns,
): Promise<Extent[] | undefined> {
  let extents: Extent[] = [];
  let smallestHole = 1;
  try {
    for (let at = 0; at < size; ) {
      const start = seekData(fd, at);
      if (start === undefined || start >= size) break;
      const end = Math.min(seekHole(fd, start), size);
      append(extents, start, end, smallestHole);
      while (extents.length > MOST_EXTENTS) {
        smallestHole *= 2;
        extents = withoutHolesBelow(extents, smallestHole);
      }
      at = end;
      if (turns.isDue) await turns.turn();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO') return extents; // the data that was found is gone: reading there will tell
    if (code === 'EINVAL' || code === 'ENOSYS') return undefined;
    throw error;
  }
  const whole = extents.length === 1 && extents[0]!.length === size;
  return whole ? undefined : extents;
}

function append(extents: Extent[], start: number, end: number, smallestHole: number): void {
  const last = extents.at(-1);
  if (last !== undefined && start - last.offset - last.length < smallestHole) {
    extents[extents.length - 1] = { offset: last.offset, length: end - last.offset };
  } else {
    extents.push({ offset: start, length: end - start });
  }
}

function withoutHolesBelow(extents: readonly Extent[], smallestHole: number): Extent[] {
  const joined: Extent[] = [];
  for (const { offset, length } of extents) append(joined, offset, offset + length, smallestHole);
  return joined;
}

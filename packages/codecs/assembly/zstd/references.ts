/**
 * What sequences refer to. Positions are in the content of the frame. A checkpoint is a position from which
 * on the frame is to be decompressed without what comes before; `live` has a bit for each byte of the window
 * before it that is referred to from behind it.
 */

/** Where the next block begins. */
export let position: u64 = 0;
export let windowSize: u64 = 0;

const IDLE: i32 = 0;
export const MARK: i32 = 1;
export const RECORD: i32 = 2;
export let mode: i32 = IDLE;
/** Marking. */
let live: usize = 0;
let liveFrom: u64 = 0;
let checkpoint: u64 = 0;
/** Recording: entries of u32 position behind `recordsFrom`, u32 offset, u32 length. */
const RECORD_SIZE: usize = 12;
let records: usize = 0;
let recordsEnd: usize = 0;
let recordsFrom: u64 = 0;

export function beginReferences(window: u64): void {
  windowSize = window;
  position = 0;
  mode = IDLE;
}

/** Goes on to the next block. */
export function advance(size: u32): void {
  position += size;
}

/**
 * Marks from now on what is referred to before here. @param at memory for a bit for each byte of the window
 */
export function beginMarking(at: usize, from: f64): void {
  live = at;
  checkpoint = <u64>from;
  liveFrom = checkpoint > windowSize ? checkpoint - windowSize : 0;
  memory.fill(live, 0, <usize>((checkpoint - liveFrom) >> 6) * 8 + 16);
  mode = MARK;
}

/** Takes down from now on whatever refers to what stands before its own block. */
export function beginRecording(at: usize): void {
  records = at;
  recordsEnd = at;
  recordsFrom = position;
  mode = RECORD;
}

/** How many bytes the records take. */
export function recordsSize(): usize {
  return recordsEnd - records;
}

/** Marks what the records between two positions refer to before the checkpoint. */
export function markRecords(from: f64, to: f64): void {
  for (let at = records; at < recordsEnd; at += RECORD_SIZE) {
    const where = recordsFrom + load<u32>(at);
    if (where < <u64>from) continue;
    if (where >= <u64>to) break;
    mark(where - load<u32>(at, 4), load<u32>(at, 8));
  }
}

/**
 * For each of the positions, as u64 in ascending order, how much is referred to across it: as u64, one more
 * of them than there are positions.
 */
export function weigh(positions: usize, count: i32, weights: usize): void {
  memory.fill(weights, 0, (<usize>count + 1) * 8);
  let behind = 0; // the first position behind the one that refers
  for (let at = records; at < recordsEnd; at += RECORD_SIZE) {
    const where = recordsFrom + load<u32>(at);
    while (behind < count && load<u64>(positions + (<usize>behind << 3)) <= where) behind++;
    const first = firstAbove(positions, behind, where - load<u32>(at, 4));
    if (first == behind) continue;
    const length = <u64>load<u32>(at, 8);
    add(weights + (<usize>first << 3), length);
    add(weights + (<usize>behind << 3), 0 - length);
  }
  for (let index = 1; index < count; index++) {
    const at = weights + (<usize>index << 3);
    add(at, load<u64>(at - 8));
  }
}

/**
 * The stretches of the window that are marked, from a distance from its beginning on, as pairs of u32: where
 * each begins and where it ends. @returns how many there are, at most so many
 */
export function liveRuns(from: f64, at: usize, most: i32): i32 {
  const size = checkpoint - liveFrom;
  let end = <u64>from;
  for (let count = 0; count < most; count++) {
    const start = nextBit(end, size, 0);
    if (start == size) return count;
    end = nextBit(start, size, u64.MAX_VALUE);
    store<u32>(at, <u32>start);
    store<u32>(at, <u32>end, 4);
    at += 8;
  }
  return most;
}

/** @param flip all ones to look for a zero. @returns where the next bit is one, or the end */
function nextBit(from: u64, end: u64, flip: u64): u64 {
  let at = from;
  while (at < end) {
    const bits = (load<u64>(live + <usize>((at >> 6) << 3)) ^ flip) >> (at & 63);
    if (bits != 0) return min(end, at + ctz(bits));
    at = (at | 63) + 1;
  }
  return end;
}

/** What is referred to, as far as it stands before the checkpoint. */
export function mark(source: u64, length: u32): void {
  if (source >= checkpoint) return;
  let at = source - liveFrom;
  const end = min(source + length, checkpoint) - liveFrom;
  while (at < end) {
    const word = live + <usize>((at >> 6) << 3);
    const first = at & 63;
    const count = min(64 - first, end - at);
    store<u64>(word, load<u64>(word) | ((u64.MAX_VALUE >> (64 - count)) << first));
    at += count;
  }
}

// @ts-expect-error: decorator
@inline
export function record(where: u64, offset: u32, length: u32): void {
  store<u32>(recordsEnd, <u32>(where - recordsFrom));
  store<u32>(recordsEnd, offset, 4);
  store<u32>(recordsEnd, length, 8);
  recordsEnd += RECORD_SIZE;
}

function firstAbove(positions: usize, count: i32, source: u64): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u64>(positions + (<usize>middle << 3)) > source) high = middle;
    else low = middle + 1;
  }
  return low;
}

// @ts-expect-error: decorator
@inline
function add(at: usize, value: u64): void {
  store<u64>(at, load<u64>(at) + value);
}

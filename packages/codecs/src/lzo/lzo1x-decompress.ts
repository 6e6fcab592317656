/**
 * LZO1X. A block is a row of instructions; each copies from the output (a match), from the input (literals), or
 * both. `state` is the number of literals that the last one copied, 4 for more than three:
 *
 *     0000LLLL (state 0)         3 + L literals; state 4
 *     0000DDSS H (state 1–3)     match of 2, distance (H << 2) + D + 1
 *     0000DDSS H (state 4)       match of 3, distance (H << 2) + D + 2049
 *     0001HLLL LE16              match of 2 + L, distance 16384 + (H << 14) + (v >> 2); 16384 is the end
 *     001LLLLL LE16              match of 2 + L, distance (v >> 2) + 1
 *     01LDDDSS H                 match of 3 + L, distance (H << 3) + D + 1
 *     1LLDDDSS H                 match of 5 + L, distance (H << 3) + D + 1
 *
 * A length field of zero is followed, before anything else, by its extension: 255 for each zero byte and the
 * first byte that is not zero, beyond the field's maximum. S literals follow a match (S = v & 3 where there is
 * an LE16). The first byte of a block, when above 17, is just so many literals more than 17.
 */

export class Lzo1xError extends Error {}

/**
 * Nothing in the input is trusted: each read, write and distance is checked.
 * @returns the number of bytes written to `output`.
 * @throws Lzo1xError
 */
export function lzo1xDecompress(input: Uint8Array, output: Uint8Array): number {
  const inputView = new DataView(input.buffer, input.byteOffset, input.length);
  const outputView = new DataView(output.buffer, output.byteOffset, output.length);
  const inputEnd = input.length;
  const outputEnd = output.length;
  let from = 0;
  let to = 0;
  let state = 0;
  let literals = 0;
  if (inputEnd > 0 && input[0]! > 17) {
    literals = input[0]! - 17;
    from = 1;
  }
  for (;;) {
    if (literals > 0) {
      if (from + literals > inputEnd) throw new Lzo1xError('literals go beyond the input');
      if (to + literals > outputEnd) throw new Lzo1xError('literals go beyond the output');
      copyLiterals(inputView, from, outputView, to, literals);
      from += literals;
      to += literals;
    }
    state = Math.min(literals, 4);
    if (from >= inputEnd) throw new Lzo1xError('the end is missing');
    const instruction = input[from++]!;
    let length: number;
    let distance: number;
    if (instruction < 0x10 && state === 0) {
      literals = instruction + 3;
      if (instruction === 0) {
        const zeros = countZeros(input, from);
        literals = 18 + zeros * 255 + input[from + zeros]!;
        from += zeros + 1;
      }
      // What comes next is no instruction of state 0, but the literals do not depend on that.
      continue;
    }
    if (instruction >= 0x40 || instruction < 0x10) {
      if (from >= inputEnd) throw new Lzo1xError('the end is missing');
      const high = input[from++]!;
      literals = instruction & 3;
      if (instruction >= 0x40) {
        length = (instruction >> 5) + 1;
        distance = (high << 3) + ((instruction >> 2) & 7) + 1;
      } else {
        length = state === 4 ? 3 : 2;
        distance = (high << 2) + (instruction >> 2) + (state === 4 ? 2049 : 1);
      }
    } else {
      const near = instruction >= 0x20;
      const mask = near ? 31 : 7;
      length = (instruction & mask) + 2;
      if (length === 2) {
        const zeros = countZeros(input, from);
        length = mask + 2 + zeros * 255 + input[from + zeros]!;
        from += zeros + 1;
      }
      if (from + 2 > inputEnd) throw new Lzo1xError('the end is missing');
      const low = input[from]! | (input[from + 1]! << 8);
      from += 2;
      literals = low & 3;
      if (near) distance = (low >> 2) + 1;
      else {
        distance = 0x4000 + ((instruction & 8) << 11) + (low >> 2);
        if (distance === 0x4000) {
          if (from < inputEnd) throw new Lzo1xError('data follows the end');
          return to;
        }
      }
    }
    if (distance > to) throw new Lzo1xError('a match reaches before the beginning');
    if (to + length > outputEnd) throw new Lzo1xError('a match goes beyond the output');
    copyMatch(outputView, to, distance, length);
    to += length;
  }
}

/** Four bytes at a time: what is written too much lies within the output, and is overwritten by what follows. */
function copyLiterals(from: DataView, start: number, into: DataView, to: number, length: number): void {
  if (length > 64) bytesOf(into).set(bytesOf(from).subarray(start, start + length), to);
  else if (start + length + 4 <= from.byteLength && to + length + 4 <= into.byteLength) {
    for (let at = 0; at < length; at += 4) into.setInt32(to + at, from.getInt32(start + at));
  } else {
    for (let at = 0; at < length; at++) into.setUint8(to + at, from.getUint8(start + at));
  }
}

/** A match may reach into what it writes, which repeats the last `distance` bytes. */
function copyMatch(output: DataView, to: number, distance: number, length: number): void {
  const end = to + length;
  if (length > 64 && (distance >= length || distance === 1)) copyLongMatch(output, to, distance, length);
  else if (distance >= 4 && end + 4 <= output.byteLength) {
    for (let at = to; at < end; at += 4) output.setInt32(at, output.getInt32(at - distance));
  } else {
    for (let at = to; at < end; at++) output.setUint8(at, output.getUint8(at - distance));
  }
}

function copyLongMatch(output: DataView, to: number, distance: number, length: number): void {
  const bytes = bytesOf(output);
  if (distance === 1) bytes.fill(bytes[to - 1]!, to, to + length);
  else bytes.copyWithin(to, to - distance, to - distance + length);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The zero bytes from `from` on, which another byte must follow. */
function countZeros(input: Uint8Array, from: number): number {
  let at = from;
  while (at < input.length && input[at] === 0) at++;
  if (at >= input.length) throw new Lzo1xError('a length does not end');
  return at - from;
}

import { randomBytes } from './bytes.js';

type Random = (below: number) => number;

/** Ways in which a file comes to harm. */
export const MUTATIONS: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    for (let count = 2 + random(8); count > 0; count--) changed[place(bytes, random)] = random(256);
    return changed;
  },
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(100))]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const inserted = randomBytes(1 + random(50), at);
    return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(place(bytes, random))]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const value = random(2) < 1 ? 0 : 0xff;
    return Buffer.from(bytes.map((byte, index) => (index >= at && index < at + 40 ? value : byte)));
  },
  (bytes, random) =>
    Buffer.concat([bytes.subarray(0, 4 + random(16)), randomBytes(200, place(bytes, random))]),
];

function place(bytes: Buffer, random: Random): number {
  // The beginning, with its headers, as often as all the rest.
  return random(random(2) < 1 ? Math.min(64, bytes.length) : bytes.length);
}

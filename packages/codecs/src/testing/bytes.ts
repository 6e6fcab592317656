import { seededRandom } from '@vzdump-format/testing';

export function randomBytes(length: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  return Buffer.from(Array.from({ length }, () => random(256)));
}

/** Like a disk: words that recur, some noise, and zeros. */
export function mixedBytes(length: number, seed = 1): Buffer {
  const random = seededRandom(seed);
  const words = Array.from({ length: 200 }, (_, index) => randomBytes(3 + (index % 30), index));
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const kind = random(1000);
    const piece = kind < 900 ? words[random(words.length)]! : randomBytes(20, at);
    at += kind < 1 ? 5000 : piece.copy(bytes, at);
  }
  return bytes;
}

/** `times` MiB of zeros, from one buffer. */
export async function* zeros(times: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(1 << 20);
  for (let count = 0; count < times; count++) yield chunk;
}

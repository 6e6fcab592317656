import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

const CHUNK = 16 << 20;

/** A raw image: random data, then zeros, which are written unless it is to be sparse. */
export function makeImage(path: string, size: number, data: number, dense = true): void {
  const file = openSync(path, 'w');
  const chunk = Buffer.alloc(CHUNK);
  for (let offset = 0; offset < data; offset += chunk.length) writeSync(file, randomFillSync(chunk));
  if (dense) for (let offset = data; offset < size; offset += chunk.length) writeSync(file, chunk.fill(0));
  ftruncateSync(file, size);
  closeSync(file);
}

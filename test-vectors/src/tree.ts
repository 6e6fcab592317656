import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KIB = 1024;

/**
 * Files of sizes on both sides of where content is read at once, gathered, and passed on. Some end in a hole.
 */
export function makeFilesOfManySizes(directory: string): void {
  const sizes = [1, 32, 63, 64, 65, 100, 1024, 1025, 2500, 64, 5000, 64, 64, 1];
  for (const [index, size] of sizes.entries()) {
    const content = Buffer.alloc(size * KIB, String.fromCharCode(65 + index));
    const path = join(directory, `${String(index).padStart(2, '0')}-${size}`);
    writeFileSync(path, content);
    if (size === 64 || size === 2500) truncateSync(path, 2 * content.length); // a hole
  }
}

import { accessSync } from 'node:fs';

/**
 * Whether we may do that with what is there. @param mode as `access(2)` takes it: `constants.W_OK` and the
 * like
 */
export function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

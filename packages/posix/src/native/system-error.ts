import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/**
 * What would act on the terminal or mislead the eye: control characters, bidirectional marks, half
 * surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Longer paths are cut in messages, at their beginning. In UTF-16 units. */
const LONGEST = 1000;

/**
 * A Node-style system error: `code`, `errno`, `syscall`, `path`, and the message that Node gives it. What
 * cannot be printed of the path is `?` in the message.
 */
export function systemError(errno: number, syscall: string, path?: string): NodeJS.ErrnoException {
  const [code, meaning] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown system error'];
  const where = path === undefined ? '' : ` '${printable(path)}'`;
  const error = new Error(`${code}: ${meaning}, ${syscall}${where}`);
  return Object.assign(error, { code, errno: -errno, syscall }, path === undefined ? {} : { path });
}

/** A call that this system does not have, or that cannot be made without native calls. */
export function missingCall(syscall: string, path?: string): NodeJS.ErrnoException {
  return systemError(constants.errno.ENOSYS, syscall, path);
}

function printable(path: string): string {
  const shown = path.length > LONGEST ? `…${path.slice(-LONGEST)}` : path;
  return shown.replace(UNPRINTABLE, '?');
}

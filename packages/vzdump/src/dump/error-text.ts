import { getSystemErrorMap } from 'node:util';
import { printableName } from '@vzdump-format/posix';

/**
 * What the log says of an error, in one line where it is the system's: `write /dump/a.dat: no space left on
 * device`.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno, path, dest, syscall } = error as NodeJS.ErrnoException & { readonly dest?: string };
  const reason = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  if (reason === undefined || syscall === undefined) return error.message;
  const places = [path, dest].flatMap((place) => (place === undefined ? [] : [printableName(place)]));
  return `${[syscall, places.join(' → ')].filter((part) => part !== '').join(' ')}: ${reason}`;
}

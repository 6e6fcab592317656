/**
 * A hidden name for what is not whole yet (`partial`), or is about to be replaced (`former`) or removed. It
 * is to be made in a way that fails where the name is taken, and so need not be a secret: `node:crypto` is
 * slow to load.
 */
export function hiddenName(what: 'partial' | 'former' | 'removed'): string {
  return `.vzdump-format-${eightDigits()}${eightDigits()}.${what}`;
}

function eightDigits(): string {
  return Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

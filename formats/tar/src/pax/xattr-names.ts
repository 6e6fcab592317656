import { bytesToPath } from '@vzdump-format/posix';
import { encodeText } from '../header/names.js';

/** GNU tar writes `=` and `%` in an attribute's name as `%3D` and `%25`, and nothing else so. */
export function decodeXattrName(xattr: string): string {
  return xattr.includes('%') ? xattr.replaceAll('%3D', '=').replaceAll('%25', '%') : xattr;
}

/** The inverse. */
export function encodeXattrName(xattr: string): string {
  return xattr.replaceAll('%', '%25').replaceAll('=', '%3D');
}

/** libarchive writes them as in a URL: `%C3%A9` → `é`. */
export function decodePercents(xattr: string): string {
  if (!xattr.includes('%')) return xattr;
  const bytes = encodeText(xattr).toString('latin1');
  const decoded = bytes.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return bytesToPath(Buffer.from(decoded, 'latin1'));
}

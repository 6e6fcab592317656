import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runToolSync } from '@vzdump-format/testing';

/** What a program prints that takes names as they are. @param accepted exit statuses */
export function runTool(
  tool: string,
  args: readonly string[],
  input: string | Uint8Array = '',
  accepted: readonly number[] = [0],
): Buffer {
  return runToolSync(tool, args, { input, accepted, locale: 'C.UTF-8' });
}

/**
 * All that the system's own tools say of what is in a directory, by path (latin1): type, mode, owner, time,
 * link, device, attributes, ACLs, the digest of the content. Hardlinks show in the number of names.
 */
export function treeOf(directory: string): Record<string, string> {
  const format = '%P\\0%y %m %U %G %T@ %n \\0';
  const found = runTool('find', [directory, '-printf', format]).toString('latin1').split('\0');
  const tree: Record<string, string> = {};
  for (let index = 0; index + 1 < found.length; index += 2) {
    const path = found[index]!;
    tree[path] = `${found[index + 1]}${contentOf(Buffer.from(join(directory, path), 'latin1'))}`;
  }
  addAttributes(tree, directory, 'getfattr', [
    '-R',
    '-P',
    '-h',
    '-d',
    '-m',
    '^(user|security.capability)',
    '-e',
    'hex',
    '.',
  ]);
  addAttributes(tree, directory, 'getfacl', ['-R', '-P', '-n', '-s', '.']);
  delete tree['']; // which tools leave as it is, if it was there
  return tree;
}

function contentOf(path: Buffer): string {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path, 'latin1')}`;
  if (stat.isBlockDevice() || stat.isCharacterDevice()) return `device ${stat.rdev}`;
  if (!stat.isFile() || stat.size > 1 << 28) return `size ${stat.isFile() ? stat.size : 0}`;
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Adds what a tool prints in paragraphs, each below a line `# file: PATH`. */
function addAttributes(
  tree: Record<string, string>,
  directory: string,
  tool: string,
  args: readonly string[],
): void {
  const shown = runTool('sh', ['-c', `cd "$1"; shift; exec "$@"`, 'sh', directory, tool, ...args]).toString(
    'latin1',
  );
  for (const paragraph of shown.split('\n\n').filter((text) => text.startsWith('# file: '))) {
    const [first, ...lines] = paragraph.split('\n');
    const shownPath = first!
      .slice('# file: '.length)
      .replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    const path = shownPath === '.' ? '' : shownPath;
    tree[path] = `${tree[path]} ${lines
      .filter((line) => !line.startsWith('# '))
      .sort()
      .join(' ')}`;
  }
}

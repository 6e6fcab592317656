import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { scratch } from '@vzdump-format/testing';
import { expect, test } from 'vitest';
import { CLI } from '../support/running-cli.js';

/**
 * Runs the command line with arguments that need not be text, which Node cannot hand to a program, but xargs
 * can.
 */
function runWithBytes(cwd: string, ...args: readonly (string | Buffer)[]): Buffer {
  const input = Buffer.concat(args.flatMap((argument) => [Buffer.from(argument as string), Buffer.of(0)]));
  return execFileSync('xargs', ['-0', process.execPath, CLI], { cwd, input, stdio: 'pipe' });
}

const NAME = Buffer.from('caf\xe9\xff', 'latin1');
const OTHER = Buffer.from('caf\xe9', 'latin1');

function below(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => [Buffer.from(part as string), Buffer.from('/')])).subarray(
    0,
    -1,
  );
}

test.each(['a.tar', 'a.pxar'])(
  'names that are not UTF-8 are taken from the command line as they are (%s)',
  async (archive) => {
    const directory = await scratch();
    const root = below(directory, NAME);
    mkdirSync(root);
    writeFileSync(below(root, NAME), 'wanted');
    writeFileSync(below(root, OTHER), 'other');
    writeFileSync(below(root, 'z'), '');
    runWithBytes(directory, 'pack', archive, '--root', NAME, '--exclude-path', OTHER);
    expect(runWithBytes(directory, 'cat', archive, NAME).toString()).toBe('wanted');
    runWithBytes(directory, 'unpack', archive, NAME, '--to', below('to', NAME));
    expect(readdirSync(below(directory, 'to', NAME), 'buffer')).toEqual([NAME]);
  },
);

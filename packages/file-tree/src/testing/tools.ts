import { runToolSync } from '@vzdump-format/testing';

/** What a program prints, as text. @throws Error with its complaints when it fails */
export function runTool(tool: string, args: readonly string[], input: string | Uint8Array = ''): string {
  return runToolSync(tool, args, { input }).toString();
}

/** The value of an extended attribute. */
export function readXattr(path: string, name: string, run = runTool): Buffer {
  const shown = run('getfattr', [
    '--absolute-names',
    '--no-dereference',
    '--encoding=hex',
    `--name=${name}`,
    path,
  ]);
  return Buffer.from(/=0x([0-9a-f]*)/.exec(shown)![1]!, 'hex');
}

export function writeXattr(path: string, name: string, value: Uint8Array, run = runTool): void {
  const hex = Buffer.from(value).toString('hex');
  run('setfattr', ['--no-dereference', `--name=${name}`, `--value=0x${hex}`, path]);
}

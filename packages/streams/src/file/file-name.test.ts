import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { useTemporaryDirectory } from '@vzdump-format/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { nameFile, onNamedFile, withFileName } from './file-name.js';
import { blockingWriter, writeFully, writeToFile } from './write-chunks.js';

const temporaryDirectory = useTemporaryDirectory();
let directory: string;
beforeEach(async () => {
  directory = temporaryDirectory();
  await writeFile(join(directory, 'file'), 'content');
});

describe.each([
  ['writeFully', writeFully],
  ['blockingWriter', blockingWriter()],
])('what %s cannot write', (_, writeAt) => {
  test.each([[{ path: '/partial', dest: '/final' }], [{ path: '/only' }]])(
    'is told by the name of the file: %j',
    async (name) => {
      await using file = nameFile(await open(join(directory, 'file'), 'r'), name);
      const failed = { code: 'EBADF', syscall: 'write', ...name };
      await expect(writeAt(file, Buffer.from('x'), 0)).rejects.toMatchObject(failed);
      await expect(writeToFile(once(), file, writeAt)).rejects.toMatchObject(failed);
    },
  );

  test('has no name where none was noted', async () => {
    await using file = await open(join(directory, 'file'), 'r');
    const error: unknown = await writeAt(file, Buffer.from('x'), 0).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'EBADF' });
    expect(error).not.toHaveProperty('path');
  });
});

test('the error of another file keeps its name, and one that is not the system’s gets none', async () => {
  await using file = nameFile(await open(join(directory, 'file'), 'r'), { path: '/a' });
  const other = join(directory, 'none');
  await expect(onNamedFile(file, () => open(other))).rejects.toMatchObject({ code: 'ENOENT', path: other });
  const error = new Error('no');
  expect(withFileName(error, { path: '/a' })).toBe(error);
  expect(error).not.toHaveProperty('path');
});

async function* once(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('x');
}

import { mkdir, open as openFile, readdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { openFilesIn, scratch } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { type OutputSink, writeOutput } from './output-file.js';

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** Fails in the middle. */
async function* failing(error: unknown): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half');
  throw error;
}

test('a path gets what is written, and no other name is left', async () => {
  const directory = await scratch();
  expect(await writeOutput(chunks('one', 'two'), join(directory, 'a'))).toBe(6);
  expect(await readFile(join(directory, 'a'), 'utf8')).toBe('onetwo');
  expect(await readdir(directory)).toEqual(['a']);
});

test('a sink gets it, and what it says counts', async () => {
  const onPartial = () => {};
  const sink: OutputSink = async (bytes, options) => {
    expect(options.onPartial).toBe(onPartial);
    let text = '';
    for await (const chunk of bytes) text += chunk;
    return text === 'onetwo' ? 7 : 0;
  };
  expect(await writeOutput(chunks('one', 'two'), sink, { onPartial })).toBe(7);
});

test('a stream gets it too, and stays open', async () => {
  const stream = new PassThrough();
  expect(await writeOutput(chunks('one', 'two'), stream)).toBe(6);
  expect([stream.read().toString(), stream.writable]).toEqual(['onetwo', true]);
});

describe('what is there', () => {
  test('is replaced only when that is asked for', async () => {
    const path = join(await scratch(), 'a');
    await writeFile(path, 'old');
    await expect(writeOutput(chunks('new'), path)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await readFile(path, 'utf8')).toBe('old');
    await writeOutput(chunks('new'), path, { overwrite: true });
    expect(await readFile(path, 'utf8')).toBe('new');
  });

  test.each(['/dev/null', '/dev/stdin', '/'])('is never replaced when it is %s', async (path) => {
    await expect(writeOutput(chunks('new'), path, { overwrite: true })).rejects.toMatchObject({
      code: 'OUTPUT_KIND',
    });
  });

  test('is never replaced when it is what this process has open, be that a file', async () => {
    const directory = await scratch();
    const [open, link] = [join(directory, 'open'), join(directory, 'link')];
    await using handle = await openFile(open, 'w');
    await symlink(`/proc/self/fd/${handle.fd}`, link);
    for (const path of [`/dev/fd/${handle.fd}`, `/proc/${process.pid}/fd/${handle.fd}`, link]) {
      await expect(writeOutput(chunks('new'), path, { overwrite: true })).rejects.toMatchObject({
        code: 'OUTPUT_KIND',
      });
    }
    expect(await readFile(open, 'utf8')).toBe('');
  });

  test('is never replaced when it is a directory', async () => {
    const path = join(await scratch(), 'a');
    await mkdir(path);
    await expect(writeOutput(chunks('new'), path, { overwrite: true })).rejects.toMatchObject({
      ...{ code: 'OUTPUT_KIND', entry: path },
      hint: expect.stringContaining('> PATH'),
    });
  });

  test('may be a link to a file: the link is replaced; not a link to a device', async () => {
    const directory = await scratch();
    const [file, link, device] = ['file', 'link', 'device'].map((name) => join(directory, name));
    await writeFile(file!, 'old');
    await symlink(file!, link!);
    await writeOutput(chunks('new'), link!, { overwrite: true });
    expect(await readFile(file!, 'utf8')).toBe('old');
    expect(await readFile(link!, 'utf8')).toBe('new');
    await symlink('/dev/null', device!);
    await expect(writeOutput(chunks('new'), device!, { overwrite: true })).rejects.toMatchObject({
      code: 'OUTPUT_KIND',
    });
  });
});

describe('after a failure', () => {
  test.each(['read', 'open', 'write', 'fsync', 'close', 'rename'])(
    'of the source (%s) nothing is left, and the error is as it was',
    async (syscall) => {
      const directory = await scratch();
      const error = Object.assign(new Error('EIO'), { code: 'EIO', syscall });
      await expect(writeOutput(failing(error), join(directory, 'a'))).rejects.toBe(error);
      expect(error).not.toHaveProperty('path');
      expect([await readdir(directory), await openFilesIn(directory)]).toEqual([[], []]);
    },
  );

  test('of a write the error names the file that was written, and what it was to become', async () => {
    const directory = await scratch();
    const path = join(directory, 'a');
    let partialPath = '';
    const onPartial = (partial: string) => {
      partialPath = partial;
    };
    async function* removing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      await unlink(partialPath);
    }
    const error = await writeOutput(removing(), path, { onPartial }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ENOENT', path: partialPath, dest: path });
    expect(await readdir(directory)).toEqual([]);
  });

  test('to begin, likewise', async () => {
    const path = join(await scratch(), 'missing', 'a');
    await expect(writeOutput(chunks('new'), path)).rejects.toMatchObject({ code: 'ENOENT', path });
  });
});

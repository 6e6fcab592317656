import { chunked } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { archive, header, member } from '../testing/built-archive.js';
import { verifyTar } from './unpack.js';

async function verify(bytes: Uint8Array) {
  const warnings: string[] = [];
  const progress: number[] = [];
  const summary = await verifyTar(chunked(bytes, 512), {
    onWarning: ({ code, entry }) => warnings.push(`${code} ${entry}`),
    onProgress: (done) => progress.push(done),
  });
  return { summary, warnings, progress };
}

describe('hardlinks', () => {
  test('to what came before, be it no file, or a link', async () => {
    const { summary } = await verify(
      archive(
        header({ name: './fifo', type: '6' }),
        header({ name: 'a', type: '1', linkName: 'fifo' }),
        header({ name: 'b', type: '1', linkName: './a' }),
      ),
    );
    expect(summary).toMatchObject({ entries: { file: 0, hardlink: 2, fifo: 1 }, bytes: 0 });
  });

  test.each([
    ['to what comes later', [header({ name: 'h', type: '1', linkName: 'f' }), member({ name: 'f' }, '')]],
    ['to nothing', [header({ name: 'h', type: '1', linkName: 'f' })]],
    ['to a directory', [header({ name: 'f', type: '5' }), header({ name: 'h', type: '1', linkName: 'f' })]],
    ['to themselves', [header({ name: 'h', type: '1', linkName: 'h' })]],
  ])('%s', async (_, members) => {
    await expect(verify(archive(...members))).rejects.toMatchObject({ code: 'TAR_LINK_TARGET', entry: 'h' });
  });
});

test('padding that is not zeros is told once', async () => {
  const one = member({ name: 'one' }, 'x');
  one.fill(0xff, 600);
  const two = member({ name: 'two' }, Buffer.alloc(300_001));
  two[two.length - 1] = 1;
  const { warnings } = await verify(archive(member({ name: 'good' }, 'x'), one, two));
  expect(warnings).toEqual(['TAR_PADDING one']);
  expect((await verify(archive(two))).warnings).toEqual(['TAR_PADDING two']);
});

test('progress is the bytes of files', async () => {
  const { progress, summary } = await verify(
    archive(member({}, 'abc'), header({ name: 'd', type: '5' }), member({}, 'de')),
  );
  expect(progress).toEqual([0, 3, 3, 5]);
  expect(summary).toMatchObject({ entries: { file: 2, directory: 1 }, bytes: 5 });
});

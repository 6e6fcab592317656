import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codecs } from '@vzdump-format/codecs';
import { mapOrdered } from '@vzdump-format/streams';
import { badVmaBytes, badVmas, vectorBytes, vectorPath } from '@vzdump-format/test-vectors';
import { keptScratch, scratch } from '@vzdump-format/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorDocument, linesOf, runCli } from '../support/running-cli.js';

const files = keptScratch();
const pathOf = (name: string) => files.path(`${name}.vma`);

/** Proxmox restores it, and writes its config above the target directory. */
const TRAVERSAL = 'config-name-traversal';
const all = badVmas();
const refused = all.filter(({ name, extract }) => extract.rc !== 0 || name === TRAVERSAL);
const accepted = all.filter((entry) => !refused.includes(entry));

interface Verdict {
  readonly path: string;
  readonly ok: boolean;
  readonly errors: readonly { readonly code: string; readonly message: string; readonly offset?: number }[];
}

let verdicts: ReadonlyMap<string, Verdict>;
let verifyStatus: number | null;

beforeAll(async () => {
  await files.make();
  for (const entry of all) await writeFile(pathOf(entry.name), badVmaBytes(entry));
  const result = await runCli(['verify', '--json', ...all.map(({ name }) => pathOf(name))]);
  const { archives } = JSON.parse(result.stdout.toString()) as { archives: Verdict[] };
  verdicts = new Map(archives.map((verdict) => [verdict.path, verdict]));
  verifyStatus = result.status;
});
afterAll(() => files.remove());

describe('verify', () => {
  test('fails, and has a verdict on each archive', () => {
    expect(verifyStatus).toBe(1);
    expect([...verdicts.keys()]).toEqual(all.map(({ name }) => pathOf(name)));
  });

  test.each(refused)('$name: $note', ({ name }) => {
    const { ok, errors } = verdicts.get(pathOf(name))!;
    expect(ok).toBe(false);
    expect(errors).toEqual([
      expect.objectContaining({
        code: expect.stringMatching(/^VMA_/),
        message: expect.stringMatching(`^${pathOf(name)}: `),
      }),
    ]);
  });

  test.each(accepted)('$name is accepted', ({ name }) => {
    expect(verdicts.get(pathOf(name))).toMatchObject({ ok: true, errors: [] });
  });
});

test('unpack fails as verify does on each, and leaves nothing', async () => {
  const unpack = async ({ name }: (typeof refused)[number]) => {
    const directory = files.path(`out-${name}`);
    const result = await runCli(['unpack', pathOf(name), '--to', directory, '--json']);
    return { name, status: result.status, code: errorDocument(result)?.code, left: existsSync(directory) };
  };
  const results = [];
  for await (const result of mapOrdered(refused, 3, unpack)) results.push(result);
  const expected = refused.map(({ name }) => {
    return { name, status: 1, code: verdicts.get(pathOf(name))!.errors[0]!.code, left: false };
  });
  expect(results).toEqual(expected);
});

test('a target directory that was there stays as it was', async () => {
  const directory = await scratch();
  const out = join(directory, 'out');
  await mkdir(out);
  await writeFile(join(out, 'qemu-server.conf.old'), 'precious');
  for (const name of ['truncated-last-byte', 'extent-repeated', 'header-md5-flipped']) {
    const { status } = await runCli(['unpack', pathOf(name), '--to', out, '--force']);
    expect([status, await readdir(out)]).toEqual([1, ['qemu-server.conf.old']]);
  }
  expect((await runCli(['unpack', pathOf('truncated-last-byte'), '--to', join(out, 'a', 'b')])).status).toBe(
    1,
  );
  expect(await readdir(out)).toEqual(['qemu-server.conf.old']);
});

test('a config named ../evil.conf stays where it is', async () => {
  const directory = await scratch();
  const out = join(directory, 'out');
  await mkdir(out);
  await writeFile(join(directory, 'evil.conf'), 'canary');
  const { status, stderr } = await runCli(['unpack', pathOf(TRAVERSAL), '--to', out, '--force']);
  expect(stderr).toMatch(/the config name ".*\.\..*" is not safe: it holds a slash/);
  expect(status).toBe(1);
  expect([await readdir(directory), await readdir(out)]).toEqual([['evil.conf', 'out'], []]);
  expect(await readFile(join(directory, 'evil.conf'), 'utf8')).toBe('canary');
});

describe('compressed archives', () => {
  const compressed = codecs
    .flatMap(({ extensions: [first] }) => first ?? [])
    .filter((extension, index, every) => every.indexOf(extension) === index)
    .filter((extension) => existsSync(vectorPath(`vma/two-drives-two-configs.vma${extension}`)));

  const damage = {
    truncated: (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2)),
    'without its last byte': (bytes: Buffer) => bytes.subarray(0, -1),
    damaged: (bytes: Buffer) => {
      const at = Math.floor(bytes.length / 3);
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(16, 0x55), bytes.subarray(at + 16)]);
    },
    'with something appended': (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('garbage')]),
  };

  const cases = compressed.flatMap((extension) =>
    Object.keys(damage).map((what) => [extension, what] as const),
  );

  test.each(cases)('%s %s: the error says at which byte, and nothing is left', async (extension, what) => {
    const directory = await scratch();
    const archive = join(directory, `a.vma${extension}`);
    const whole = vectorBytes(`vma/two-drives-two-configs.vma${extension}`);
    await writeFile(archive, damage[what as keyof typeof damage](whole));
    const result = await runCli(['unpack', archive, '--to', join(directory, 'out'), '--json']);
    expect(errorDocument(result)).toMatchObject({
      type: 'error',
      code: expect.stringMatching(/^[A-Z]+_/),
      message: expect.stringMatching(/ \(at byte \d+\)$/),
      offset: expect.any(Number),
    });
    expect(result.status).toBe(1);
    expect(await readdir(directory)).toEqual([`a.vma${extension}`]);
  });

  test('one that is empty', async () => {
    const directory = await scratch();
    for (const extension of compressed) {
      await writeFile(join(directory, `a.vma${extension}`), '');
      const result = await runCli(['verify', join(directory, `a.vma${extension}`)]);
      expect(linesOf(result.stderr)[0]).toMatch(/^vzdump-format: .* \(at byte 0\)$/);
      expect(result.status).toBe(1);
      await rm(join(directory, `a.vma${extension}`));
    }
  });
});

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mapOrdered } from '@vzdump-format/streams';
import { badPxars, vectorPath } from '@vzdump-format/test-vectors';
import { scratch } from '@vzdump-format/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { errorDocument, runCli } from '../support/running-cli.js';

const all = badPxars();
const pathOf = ({ archive }: { archive: string }) => vectorPath(`pxar-bad/${archive}`);

interface Verdict {
  readonly path: string;
  readonly ok: boolean;
  readonly errors: readonly { readonly code: string; readonly message: string; readonly offset?: number }[];
}

let verdicts: ReadonlyMap<string, Verdict>;
let verifyStatus: number | null;

beforeAll(async () => {
  const result = await runCli(['verify', '--json', ...all.map(pathOf)]);
  const { archives } = JSON.parse(result.stdout.toString()) as { archives: Verdict[] };
  verdicts = new Map(archives.map((verdict) => [verdict.path, verdict]));
  verifyStatus = result.status;
});

describe('verify', () => {
  test('fails, and has a verdict on each archive', () => {
    expect(verifyStatus).toBe(1);
    expect([...verdicts.keys()]).toEqual(all.map(pathOf));
  });

  test.each(all.filter(({ read, accessor }) => !read.ok || !accessor.ok))('$name: $note', (bad) => {
    const { ok, errors } = verdicts.get(pathOf(bad))!;
    expect(ok).toBe(false);
    expect(errors).toEqual([
      expect.objectContaining({ code: expect.stringMatching(/^(PXAR_|PAYLOAD_NOT_FOUND)/) }),
    ]);
    expect(errors[0]!.message.slice(0, pathOf(bad).length + 2)).toBe(`${pathOf(bad)}: `);
    if (errors[0]!.code !== 'PAYLOAD_NOT_FOUND') expect(errors[0]!.offset).toBeTypeOf('number');
  });

  test.each(['ok-base', 'v2-ok'])('%s is ok', (name) => {
    expect(verdicts.get(pathOf(all.find((bad) => bad.name === name)!))).toMatchObject({ ok: true });
  });
});

test('unpack fails where the real reader does, or worse, writes outside: as verify does', async () => {
  const dangerous = all.filter(({ name }) =>
    /^(hardlink-(dotdot|absolute|offset)|name-(dot|lead|slash)|trunc-(in|last)|prelude-|v2-ref-(mid|beyond)|v2-missing)/.test(
      name,
    ),
  );
  expect(dangerous.length).toBeGreaterThan(15);
  const directory = await scratch();
  writeFileSync(`${directory}/canary`, 'canary');
  const unpack = async (bad: (typeof all)[number]) => {
    const to = `${directory}/${bad.name}`;
    mkdirSync(to);
    const result = await runCli(['unpack', pathOf(bad), '--to', to, '--force', '--json']);
    return { name: bad.name, status: result.status, code: errorDocument(result).code };
  };
  const results = [];
  for await (const result of mapOrdered(dangerous, 3, unpack)) results.push(result);
  expect(results).toEqual(
    dangerous.map((bad) => ({ name: bad.name, status: 1, code: verdicts.get(pathOf(bad))!.errors[0]!.code })),
  );
  expect(readFileSync(`${directory}/canary`, 'utf8')).toBe('canary');
  expect(readdirSync(directory).sort()).toEqual(['canary', ...dangerous.map(({ name }) => name)].sort());
  expect(existsSync(`${directory}/../canary`)).toBe(false);
});

test('convert makes nothing of what verify refuses', async () => {
  const directory = await scratch();
  const chosen = all.filter(({ name }) =>
    /^(gb-cycle|trailing|hardlink-wrong-path|v2-ref-swapped)$/.test(name),
  );
  for (const bad of chosen) {
    for (const target of ['a.tar', 'a.pxar', 'a.mpxar']) {
      const result = await runCli(['convert', pathOf(bad), `${directory}/${target}`, '--json']);
      const { code } = verdicts.get(pathOf(bad))!.errors[0]!;
      expect([bad.name, target, result.status, errorDocument(result).code]).toEqual([
        bad.name,
        target,
        1,
        code,
      ]);
    }
  }
  expect([chosen.length, readdirSync(directory)]).toEqual([4, []]);
});

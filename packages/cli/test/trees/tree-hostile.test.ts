import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { CLI, errorDocument, linesOf, runCli, runCliForJson, runCliWell } from '../support/running-cli.js';
import { makeTree, packLikeVzdump, runFed, testWithTrees } from '../support/tree-making.js';

/**
 * Archives by what Python says of them: `add(name, type, content, link)`; OUT is a directory outside of the
 * target.
 */
const HOSTILE = [
  { name: 'a way up', code: 'TREE_PATH_PARENT', python: "add('../canary', content=b'x')" },
  { name: 'a way up in the middle', code: 'TREE_PATH_PARENT', python: "add('a/../../canary', content=b'x')" },
  {
    name: 'a symlink, then a file through it',
    code: 'TREE_THROUGH_LINK',
    python: "add('way', SYMTYPE, link=OUT); add('way/canary', content=b'x')",
  },
  {
    name: 'a directory replaced by a link between two entries',
    code: 'TREE_THROUGH_LINK',
    python: "add('way', DIRTYPE); add('way', SYMTYPE, link=OUT); add('way/canary', content=b'x')",
  },
  {
    name: 'a chain of links',
    code: 'TREE_THROUGH_LINK',
    python:
      "add('a', DIRTYPE); add('a/b', SYMTYPE, link='..'); add('a/b/c', SYMTYPE, link=OUT); add('c/canary', content=b'x')",
  },
  {
    name: 'a hardlink to what a link leads to',
    code: 'TREE_THROUGH_LINK',
    python: "add('way', SYMTYPE, link=OUT); add('h', LNKTYPE, link='way/canary'); add('h', content=b'x')",
  },
  {
    name: 'a hardlink out of the target',
    code: /^TREE_(PATH|LINK)_/,
    python: "add('h', LNKTYPE, link='../out/canary'); add('h', content=b'x')",
  },
  {
    name: 'a hardlink with an absolute name',
    code: undefined, // a warning: the devices are left out, and what it names could be one of them
    python: "add('h', LNKTYPE, link=OUT + '/canary'); add('h', content=b'x')",
  },
  {
    name: 'a hardlink to a symlink, then a file in its place',
    code: undefined,
    python:
      "add('s', SYMTYPE, link=OUT + '/canary'); add('h', LNKTYPE, link='s'); add('h', content=b'x'); add('s', content=b'y')",
  },
  { name: 'an absolute name', code: undefined, python: "add(OUT + '/canary', content=b'x')" },
  {
    name: 'a link in place of the target',
    code: 'TREE_ROOT_TYPE',
    python: "add('./', SYMTYPE, link=OUT); add('canary', content=b'x')",
  },
  {
    name: 'a mode for what a link leads to',
    code: undefined, // the directory takes the place of the link
    python: "add('way', SYMTYPE, link=OUT); add('way/.', DIRTYPE, mode=0o777)",
  },
  {
    name: 'a size beyond all reason',
    code: /^TAR_/,
    python: "header = TarInfo('big'); header.size = 1 << 62; tar.fileobj.write(header.tobuf(GNU_FORMAT))",
  },
] as const;

describe('nothing lands outside the target, whatever the archive holds', () => {
  for (const { name, code, python } of HOSTILE) {
    testWith(['python3'], name, async () => {
      const directory = await scratch();
      const out = join(directory, 'out');
      const canary = join(out, 'canary');
      mkdirSync(out);
      writeFileSync(canary, 'alive', { mode: 0o640 });
      const before = [out, canary].map(identity);
      const stdin = madeByPython(python, out);
      for (const existing of [[], ['--force'], ['--skip-old-files']]) {
        const args = ['unpack', '-', '--to', join(directory, 'to'), '--json', '--ignore-owner', ...existing];
        const result = await runCli(args, { stdin });
        if (code !== undefined && existing.length === 0) {
          expect(errorDocument(result)).toMatchObject({ type: 'error', code: expect.stringMatching(code) });
          expect(result.status).toBe(1);
        }
        expect([0, 1, 3]).toContain(result.status);
        expect([out, canary].map(identity)).toEqual(before);
        expect(readFileSync(canary, 'utf8')).toBe('alive');
        expect(readdirSync(out)).toEqual(['canary']);
        expect(readdirSync(directory).filter((name) => name !== 'to')).toEqual(['out']);
      }
    });
  }
});

/** All that writing to it, or to what is in it, would change. */
function identity(path: string): readonly unknown[] {
  const { mode, ino, nlink, mtimeNs, ctimeNs, size } = statSync(path, { bigint: true });
  return [mode, ino, nlink, mtimeNs, ctimeNs, size];
}

function madeByPython(statements: string, out: string): Buffer {
  const script = `
import io, sys
from tarfile import DIRTYPE, GNU_FORMAT, LNKTYPE, PAX_FORMAT, REGTYPE, SYMTYPE, TarFile, TarInfo
OUT = sys.argv[1]
tar = TarFile.open(fileobj=sys.stdout.buffer, mode='w|', format=PAX_FORMAT)
def add(name, type=REGTYPE, content=b'', link='', mode=0o644):
    info = TarInfo(name)
    info.type, info.size, info.linkname, info.mode = type, len(content), link, mode
    tar.addfile(info, io.BytesIO(content))
${statements}
tar.close()
`;
  return runFed('python3', ['-c', script, out]);
}

describe('broken archives', () => {
  async function sample(): Promise<Buffer> {
    const root = join(await scratch(), 'root');
    mkdirSync(join(root, 'etc'), { recursive: true });
    writeFileSync(join(root, 'etc/small'), 'small');
    writeFileSync(join(root, 'large'), Buffer.alloc(1 << 20, 'large'));
    return runCliWell(['pack', '-', '--format', 'tar', '--root', root]);
  }

  test('cut short: one error, status 1, and no part of a file under its name', async () => {
    const archive = await sample();
    const directory = await scratch();
    for (const [index, stdin] of [archive.subarray(0, 600_000), archive.subarray(0, 700)].entries()) {
      const to = join(directory, String(index));
      const result = await runCli(['unpack', '-', '--to', to], { stdin });
      const [first, ...more] = linesOf(result.stderr);
      expect(first).toMatch(/^vzdump-format: standard input: .*\(at byte \d+\)$/);
      for (const line of more) expect(line).toMatch(/^hint: /);
      expect(more.length).toBeLessThan(2);
      expect(result.status).toBe(1);
      expect(existsSync(join(to, 'large'))).toBe(false);
      const left = existsSync(to) ? readdirSync(to, { recursive: true, encoding: 'utf8' }) : [];
      expect(left.filter((name) => name.includes('.partial'))).toEqual([]);
    }
  });

  test.each(['tar', 'pxar'])(
    'cut short, a %s is listed up to there; a document is none in part',
    async (format) => {
      const root = join(await scratch(), 'root');
      mkdirSync(root);
      for (const name of ['a', 'b', 'c']) writeFileSync(join(root, name), name.repeat(5000));
      const whole = await runCliWell(['pack', '-', '--format', format, '--root', root]);
      const stdin = whole.subarray(0, whole.indexOf('b'.repeat(5000)) + 100);
      const { status, stdout } = await runCli(['list', '-'], { stdin });
      const names = linesOf(stdout.toString()).map((line) => line.slice(line.indexOf('./')));
      expect([status, names]).toEqual([1, ['./', './a']]);
      const document = await runCli(['list', '-', '--json'], { stdin });
      expect([document.status, document.stdout.length]).toEqual([1, 0]);
    },
  );

  test('cut short in the middle of a codec', async () => {
    const stdin = gzipSync(await sample()).subarray(0, -20);
    for (const command of ['verify', 'list']) {
      const { status, stderr } = await runCli([command, '-'], { stdin });
      expect(linesOf(stderr)[0]).toMatch(/^vzdump-format: standard input: /);
      expect(status).toBe(1);
    }
  });

  test('with a bit flipped in a header', async () => {
    const archive = await sample();
    const at = archive.indexOf('./etc/small');
    archive[at + 5]! ^= 1;
    const path = join(await scratch(), 'ct.tar');
    writeFileSync(path, archive);
    for (const args of [
      ['verify', path],
      ['list', path],
      ['cat', path, 'large'],
      ['unpack', path, '--to', `${path}.d`],
    ]) {
      const result = await runCli([...args, '--json'], {});
      expect(errorDocument(result)).toMatchObject({ type: 'error', offset: expect.any(Number) });
      expect(String(errorDocument(result).code)).toMatch(/^TAR_/);
      expect(result.status).toBe(1);
    }
  });

  test.each([
    ['garbage', 'text.tar', 'not an archive at all, and not even close\n', 'it does not begin with a header'],
    ['nothing', 'empty.tar', '', 'it is empty'],
    ['garbage', 'text.pxar', 'not an archive at all, and not even close\n', 'it does not begin as a pxar'],
    ['nothing', 'empty.pxar', '', 'the archive ends too early'],
  ])(
    '%s under the name %s: what, where, what to do, and no directory is made',
    async (_, name, text, what) => {
      const directory = await scratch();
      const path = join(directory, name);
      writeFileSync(path, text.repeat(100));
      for (const args of [['list'], ['verify'], ['config'], ['unpack', '--to', join(directory, 'out')]]) {
        const { status, stderr } = await runCli([...args, path]);
        expect(linesOf(stderr)).toEqual([
          expect.stringMatching(`^vzdump-format: ${path}: .*${what}.* \\(at byte 0\\)$`),
          expect.stringMatching(/^hint: /),
        ]);
        expect(status).toBe(1);
      }
      expect(readdirSync(directory)).toEqual([name]);
    },
  );

  test('foreign garbage is no archive', async () => {
    const stdin = Buffer.alloc(8192, 'not an archive at all, and not even close\n');
    const { status, stderr, stdout } = await runCli(['list', '-'], { stdin });
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^vzdump-format: standard input: /),
      expect.stringMatching(/^hint: /),
    ]);
    expect([status, stdout.length]).toEqual([1, 0]);
  });

  test('what cannot be read leaves no archive behind', async () => {
    const directory = await scratch();
    const result = await runCli(['pack', join(directory, 'a.tar.zst'), '--root', join(directory, 'none')]);
    expect(result.status).toBe(1);
    expect(linesOf(result.stderr)[0]).toMatch(/none: no such file or directory$/);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('an ordinary user', () => {
  const NOBODY = 65534;

  /** Runs the command line as a user who has nothing but the directory. */
  async function asNobody(args: readonly string[], stdin: Uint8Array = Buffer.alloc(0)) {
    const child = spawn(process.execPath, [CLI, ...args], {
      uid: NOBODY,
      gid: NOBODY,
      cwd: '/',
      stdio: 'pipe',
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.resume();
    child.stdin.on('error', () => {}).end(stdin);
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, stderr };
  }

  testWithTrees('restores what they can, and is told what not, counted', async () => {
    const directory = await scratch();
    const root = join(directory, 'root');
    mkdirSync(root);
    await makeTree(root);
    const theirs = join(directory, 'theirs');
    mkdirSync(theirs);
    for (const path of [directory, theirs]) chownSync(path, NOBODY, NOBODY);
    const stdin = packLikeVzdump(root);
    const { status, stderr } = await asNobody(['unpack', '-', '--to', join(theirs, 'a')], stdin);
    const warnings = linesOf(stderr).filter((line) => line.startsWith('vzdump-format: '));
    expect(status).toBe(3);
    expect(warnings.join('\n')).toMatch(/owner not restored: \d+ entries/);
    expect(warnings.join('\n')).toMatch(/device not made: 2 entries/);
    for (const line of warnings) expect(line).toMatch(/^vzdump-format: warning: /);
    expect(readFileSync(join(theirs, 'a/etc/hosts'), 'utf8')).toBe('127.0.0.1 localhost\n');
    expect(lstatSync(join(theirs, 'a/bin/su')).mode & 0o7000).toBe(0);
    expect(lstatSync(join(theirs, 'a/etc/hosts')).mtimeMs).toBe(10413792000000);
  });

  testWithTrees('has nothing to be told of with --ignore-owner', async () => {
    const directory = await scratch();
    const root = join(directory, 'root');
    mkdirSync(join(root, 'etc'), { recursive: true });
    writeFileSync(join(root, 'etc/hosts'), 'hosts');
    chownSync(join(root, 'etc/hosts'), 1000, 1000);
    const theirs = join(directory, 'theirs');
    mkdirSync(theirs);
    for (const path of [directory, theirs]) chownSync(path, NOBODY, NOBODY);
    const stdin = packLikeVzdump(root);
    const lossy = await asNobody(['unpack', '-', '--to', join(theirs, 'a')], stdin);
    expect(lossy.status).toBe(3);
    const { status, stderr } = await asNobody(
      ['unpack', '-', '--to', join(theirs, 'b'), '--ignore-owner'],
      stdin,
    );
    expect(stderr).not.toContain('warning');
    expect(status).toBe(0);
    expect(lstatSync(join(theirs, 'b/etc/hosts')).uid).toBe(NOBODY);
  });

  testWith(['root'], 'can restore all that they packed, the notes of what they left out too', async () => {
    const directory = await scratch();
    mkdirSync(join(directory, 'root'));
    writeFileSync(join(directory, 'root/file'), 'file');
    for (const path of ['', 'root', 'root/file']) chownSync(join(directory, path), NOBODY, NOBODY);
    for (const name of ['a.pxar', 'a.tar']) {
      const archive = join(directory, name);
      const pack = ['pack', archive, '--root', join(directory, 'root'), '--exclude-path', 'x'];
      for (const args of [pack, ['unpack', archive, '--to', `${archive}.d`]]) {
        expect(await asNobody(args)).toMatchObject({ status: 0 });
      }
    }
    expect(readdirSync(join(directory, 'a.pxar.d'))).toEqual(['.pxarexclude-cli', 'file']);
    await runCliWell([
      'pack',
      join(directory, 'mapped.pxar'),
      '--root',
      join(directory, 'root'),
      '--idmap',
      'b:0:65534:1',
    ]);
    const { entries } = (await runCliForJson(['list', join(directory, 'mapped.pxar')])) as {
      entries: readonly { readonly uid: number; readonly gid: number }[];
    };
    expect(entries.map(({ uid, gid }) => [uid, gid])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });
});

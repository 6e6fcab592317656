import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { vectorPath } from '@vzdump-format/test-vectors';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect, test } from 'vitest';
import { CLI, linesOf, runCli, runCliWell } from '../support/running-cli.js';

/** A directory with the completion script in it, and with paths to complete. */
async function makeScript(shell: string): Promise<{ directory: string; script: string }> {
  const directory = await scratch();
  const script = join(directory, `completion.${shell}`);
  await writeFile(script, await runCliWell(['completion', shell]));
  await mkdir(join(directory, 'dump'));
  await writeFile(join(directory, 'disk one.raw'), '');
  return { directory, script };
}

const VM = vectorPath('vma/two-drives-two-configs.vma.zst');

/** A directory with archives in it, and a `vzdump-format` that shells find there. */
async function makeArchives(): Promise<{ directory: string; path: string }> {
  const directory = await scratch();
  const tree = join(await scratch(), 'tree');
  await mkdir(join(tree, 'etc', 'init.d'), { recursive: true });
  for (const name of ['etc/hosts', 'etc/host name', 'etc/line\nend', 'README']) {
    await writeFile(join(tree, name), name);
  }
  for (const name of ['t.tar', 't.tar.zst', 't.pxar', 't.tar.gz', 't.mpxar']) {
    await runCliWell(['pack', join(directory, name), '--root', tree]);
  }
  await copyFile(VM, join(directory, 'vm.vma.zst'));
  const bin = await scratch();
  const program = join(bin, 'vzdump-format');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  await chmod(program, 0o755);
  return { directory, path: `${bin}:${process.env.PATH}` };
}

describe('names in archives', () => {
  test('what goes there, and nothing else', async () => {
    const { directory } = await makeArchives();
    const names = async (...words: readonly string[]) => {
      const { status, stdout } = await runCli(['completion', 'names', '--', ...words], { cwd: directory });
      return status === 0 ? linesOf(stdout.toString()) : status;
    };
    for (const tree of ['t.tar', 't.tar.zst', 't.pxar', 't.tar.gz', 't.mpxar']) {
      expect((await names('cat', tree, '')) as string[]).toEqual(expect.arrayContaining(['README', 'etc/']));
      expect(await names('cat', tree, 'etc/ho')).toHaveLength(2);
    }
    expect(await names('cat', 't.tar', 'etc/')).toEqual(['etc/host name', 'etc/hosts', 'etc/init.d/']);
    expect(await names('cat', 't.tar', './etc/i')).toEqual(['./etc/init.d/']);
    expect(await names('cat', '--long', '=', '27', '-v', 't.tar', 'R')).toEqual(['README']);
    expect(await names('unpack', '--to', 'o', 't.pxar', 'etc/hosts', 'R')).toEqual(['README']);
    expect(await names('cat', 'vm.vma.zst', '')).toEqual(['drive-virtio0', 'drive-virtio1']);
    expect(await names('unpack', 'vm.vma.zst', '--skip', 'drive-virtio1')).toEqual(['drive-virtio1']);
    expect(await names('unpack', 'vm.vma.zst', '--drive', '')).toEqual(['drive-virtio0=', 'drive-virtio1=']);
    expect(await names('cat', '')).toBe(2);
    expect(await names('cat', 't.tar', 'etc/hosts', '--payload', '')).toBe(2);
    expect(await names('list', 't.tar', '')).toBe(2);
  });

  test('silence about what is damaged, no archive, or takes long to look into; and no index', async () => {
    const { directory } = await makeArchives();
    const large = join(directory, 'large.tar');
    const noise = join(await scratch(), 'noise');
    await mkdir(noise);
    await writeFile(join(noise, 'a'), randomBytes(80 << 20));
    await runCliWell(['pack', large, '--root', noise]);
    await writeFile(`${large}.gz`, gzipSync(await readFile(large), { level: 0 }));
    const damaged = vectorPath('vma-bad/extent-block-count-plus-1-data.vma');
    const before = await readdir(directory);
    for (const path of ['/nonexistent', '/', '/dev/zero', CLI, `${large}.gz`, vectorPath('.'), '-']) {
      const { status, stdout, stderr } = await runCli(['completion', 'names', '--', 'cat', path, '']);
      expect([path, status, stdout.toString(), stderr]).toEqual([path, 0, '', '']);
    }
    const names = async (path: string) => {
      return linesOf((await runCliWell(['completion', 'names', '--', 'cat', path, ''])).toString());
    };
    expect(await names(large)).toEqual(['a']); // headers are all that is read
    expect((await names(damaged)).length).toBeGreaterThan(0);
    expect(await readdir(directory)).toEqual(before);
  });

  testWith(['bash'], 'bash completes them', async () => {
    const { directory, path } = await makeArchives();
    const { script } = await makeScript('bash');
    const complete = async (...words: readonly string[]) => {
      const call = [
        'PATH=$1; cd "$2"; source "$3"; shift 3',
        'COMP_WORDS=(vzdump-format "$@"); COMP_CWORD=$#',
        `_vzdump_format; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ].join('\n');
      const args = ['--norc', '-c', call, 'bash', path, directory, script, ...words];
      return linesOf(await runTool('bash', ...args));
    };
    expect(await complete('cat', 't.tar', 'etc/')).toEqual(['etc/host name', 'etc/hosts', 'etc/init.d/']);
    expect(await complete('cat', 't.tar', 'etc/host\\ ')).toEqual(['etc/host name']);
    expect(await complete('cat', 'vm')).toEqual(['vm.vma.zst']);
    expect(await complete('cat', '--progress', '=', 'none', 'vm')).toEqual(['vm.vma.zst']);
    expect(await complete('cat', 't.tar', 'x')).toEqual([]);
    expect(await complete('unpack', 'vm.vma.zst', '--skip', '')).toEqual(['drive-virtio0', 'drive-virtio1']);
    expect(await complete('unpack', 'vm.vma.zst', '--drive', '')).toEqual([
      'drive-virtio0=',
      'drive-virtio1=',
    ]);
  });

  testWith(['fish'], 'fish completes them', async () => {
    const { directory, path } = await makeArchives();
    const { script } = await makeScript('fish');
    const complete = async (line: string) => {
      const call = `set -x PATH (string split : '${path}'); cd ${directory}; source ${script}; complete -C '${line}'`;
      const shown = await runTool('fish', '--no-config', '-c', call);
      return linesOf(shown).map((one) => one.split('\t')[0]);
    };
    expect(await complete('vzdump-format cat t.tar etc/')).toEqual([
      'etc/host name',
      'etc/hosts',
      'etc/init.d/',
    ]);
    expect(await complete('vzdump-format cat vm')).toEqual(['vm.vma.zst']);
    expect(await complete('vzdump-format unpack vm.vma.zst --skip ')).toEqual([
      'drive-virtio0',
      'drive-virtio1',
    ]);
  });
});

describe('bash', () => {
  testWith(['bash'], 'accepts the script', async () => {
    const { script } = await makeScript('bash');
    expect(await runTool('bash', '-n', script)).toBe('');
  });

  /** What the words, as bash splits them, are completed to. The last one is being written. */
  async function complete(...words: readonly string[]): Promise<string[]> {
    const { directory, script } = await makeScript('bash');
    const call = [
      'cd "$1"; source "$2"; shift 2',
      'COMP_WORDS=(vzdump-format "$@"); COMP_CWORD=$#',
      `_vzdump_format; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ].join('\n');
    const shown = await runTool('bash', '--norc', '-c', call, 'bash', directory, script, ...words);
    return shown.split('\n').filter((line) => line !== '');
  }

  testWith(['bash'], 'completes commands', async () => {
    expect(await complete('')).toEqual(expect.arrayContaining(['pack', 'unpack', 'verify', 'man', 'help']));
    expect(await complete('ver')).toEqual(['verify']);
    expect(await complete('help', 'unp')).toEqual(['unpack']);
  });

  testWith(['bash'], "completes a command's own options", async () => {
    expect(await complete('unpack', '--s')).toEqual(['--skip', '--skip-old-files']);
    expect(await complete('pack', '--s')).toEqual(['--stdexcludes']);
    expect(await complete('list', '--p')).toEqual(['--payload', '--progress']);
  });

  testWith(['bash'], 'completes what options take', async () => {
    expect(await complete('pack', '--compress', '')).toEqual(['0', '1', 'gzip', 'lzo', 'zstd']);
    expect(await complete('list', '--progress', '=', 'j')).toEqual(['json']);
    expect(await complete('list', '--progress', '=')).toEqual(['auto', 'json', 'none']);
    expect(await complete('unpack', '--to', 'd')).toEqual(['dump']);
    expect(await complete('pack', '--config', 'd')).toEqual(expect.arrayContaining(['disk one.raw', 'dump']));
    expect(await complete('pack', '--uuid', 'd')).toEqual([]);
  });

  testWith(['bash'], 'completes the path of NAME=PATH', async () => {
    expect(await complete('pack', '--drive', 'd')).toEqual([]);
    expect(await complete('pack', '--drive', 'drive-scsi0', '=', 'disk')).toEqual(['disk one.raw']);
    expect(await complete('pack', '--drive', 'drive-scsi0', '=')).toContain('disk one.raw');
  });

  testWith(['bash'], 'completes arguments', async () => {
    expect(await complete('list', 'disk')).toEqual(['disk one.raw']);
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });
});

describe('zsh', () => {
  testWith(['zsh'], 'accepts the script', async () => {
    const { script } = await makeScript('zsh');
    expect(await runTool('zsh', '-n', script)).toBe('');
  });

  testWith(['zsh'], 'loads it', async () => {
    const { script } = await makeScript('zsh');
    const load = `compdef() { print registered $* }; source ${script}; whence -w _vzdump-format`;
    const shown = await runTool('zsh', '-f', '-c', load);
    expect(shown).toBe('registered _vzdump-format vzdump-format\n_vzdump-format: function\n');
  });
});

describe('fish', () => {
  testWith(['fish'], 'accepts the script, and completes by it', async () => {
    const { directory, script } = await makeScript('fish');
    expect(await runTool('fish', '--no-execute', script)).toBe('');
    const complete = async (line: string) => {
      const call = `cd ${directory}; source ${script}; complete -C '${line}'`;
      const shown = await runTool('fish', '--no-config', '-c', call);
      return shown.split('\n').flatMap((one) => one.split('\t')[0] || []);
    };
    expect(await complete('vzdump-format ver')).toEqual(['verify']);
    expect(await complete('vzdump-format pack --compress ')).toEqual(['0', '1', 'gzip', 'lzo', 'zstd']);
    expect(await complete('vzdump-format completion ')).toEqual(['bash', 'fish', 'zsh']);
    expect(await complete('vzdump-format unpack --sk')).toEqual(['--skip', '--skip-old-files']);
    expect(await complete('vzdump-format list disk')).toEqual(['disk one.raw']);
  });
});

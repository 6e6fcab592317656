import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { describe, expect } from 'vitest';
import { runCliWell } from '../support/running-cli.js';

/** A directory with the completion script in it, and with paths to complete. */
async function makeScript(shell: string): Promise<{ directory: string; script: string }> {
  const directory = await scratch();
  const script = join(directory, `completion.${shell}`);
  await writeFile(script, await runCliWell(['completion', shell]));
  await mkdir(join(directory, 'dump'));
  await writeFile(join(directory, 'disk one.raw'), '');
  return { directory, script };
}

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

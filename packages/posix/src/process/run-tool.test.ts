import { spawnSync } from 'node:child_process';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bytesToPath } from '../path-text.js';
import { isInstalled, PACKAGES, runTool } from './run-tool.js';

test('what a program writes is given back; its errors come line by line', async () => {
  const lines: string[] = [];
  const script = 'echo "$1"; echo warned >&2; echo "$LC_ALL"';
  const onErrorLine = (line: string) => lines.push(line);
  expect(await runTool(['sh', '-c', script, 'sh', '$(no) shell'], { onErrorLine })).toBe('$(no) shell\nC\n');
  expect(lines).toEqual(['warned']);
});

test('a failure has the command, the exit code and the last lines of errors', async () => {
  await expect(runTool(['sh', '-c', 'for n in 1 2 3 4; do echo $n >&2; done; exit 7'])).rejects.toMatchObject(
    {
      code: 'PROGRAM_FAILED',
      message: "command 'sh -c 'for n in 1 2 3 4; do echo $n >&2; done; exit 7'' failed: exit code 7 - 2 3 4",
    },
  );
});

test('an exit code can be well', async () => {
  await expect(runTool(['sh', '-c', 'exit 24'], { acceptedCodes: [24] })).resolves.toBe('');
  await expect(runTool(['sh', '-c', 'exit 23'], { acceptedCodes: [24] })).rejects.toThrow('exit code 23');
});

test('a program that is not there, one that takes too long, and one that is aborted', async () => {
  await expect(runTool(['lxc-no-such-program'])).rejects.toMatchObject({
    code: 'PROGRAM_MISSING',
    message: 'lxc-no-such-program is not installed',
  });
  await expect(runTool(['sleep', '60'], { timeout: 0.05 })).rejects.toMatchObject({
    code: 'PROGRAM_TIMEOUT',
    message: 'sleep has not ended within 0.05 seconds',
  });
  const reason = new Error('enough');
  const controller = new AbortController();
  const running = runTool(['sh', '-c', 'echo ready >&2; exec sleep 60'], {
    signal: controller.signal,
    onErrorLine: () => controller.abort(reason),
  });
  await expect(running).rejects.toBe(reason);
});

test('bytes that Node would change on the way are refused', async () => {
  const path = bytesToPath(Buffer.from('/a\xff', 'latin1'));
  await expect(runTool(['echo', path])).rejects.toMatchObject({ code: 'PROGRAM_ARGUMENT' });
});

test('a program that is missing is in the package that the hint names', async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('PATH', '');
  await expect(runTool(['rsync'])).rejects.toMatchObject({
    code: 'PROGRAM_MISSING',
    hint: 'install it: Debian has it in the package rsync',
  });
  vi.unstubAllEnvs();
  if (spawnSync('dpkg-query', ['--version']).error !== undefined) return;
  const programs = Object.keys(PACKAGES).filter(isInstalled);
  const patterns = programs.map((program) => `*bin/${program}`);
  const found = spawnSync('dpkg-query', ['--search', ...patterns]).stdout.toString();
  for (const [, owner, program = ''] of found.matchAll(/^(.*?): .*\/(.*)$/gm)) {
    expect([program, owner]).toEqual([program, PACKAGES[program]]);
  }
});

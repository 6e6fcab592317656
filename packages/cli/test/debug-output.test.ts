import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CLI } from './running-cli.js';

it.each([
  ['vzdump-format', /^VZDUMP-FORMAT \d+: zstd by \S+\n/],
  ['', /^$/],
])('NODE_DEBUG=%s has on standard error what is being done, or nothing', (NODE_DEBUG, said) => {
  const directory = mkdtempSync(join(tmpdir(), 'debug-output-'));
  try {
    const args = ['pack', join(directory, 'a.tar.zst'), '--root', directory, '--quiet'];
    const env = { ...process.env, NODE_DEBUG };
    const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', env });
    expect(stderr).toMatch(said);
    expect(status).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

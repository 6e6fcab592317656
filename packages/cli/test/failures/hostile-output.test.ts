import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, scratch, testWith } from '@vzdump-format/testing';
import { expect } from 'vitest';
import { runCli, runCliWell } from '../support/running-cli.js';

/** Clears the screen, begins a line of its own, turns text around, and has a byte that is not UTF-8. */
const HOSTILE = 'e\x1b[2J\nvil\u202e\x7f\u009b';
const STORED = 'vzdump-lxc-101-2026_11_20-02_00_00.tar';

/** An archive of each kind, and a store of them, named and filled by somebody who means ill. */
async function hostileFiles(directory: string): Promise<void> {
  const path = (name: string) => join(directory, name);
  mkdirSync(path('store'));
  writeFileSync(path(HOSTILE), 'text');
  writeFileSync(path('disk.raw'), Buffer.alloc(4096, 1));
  const owner = [`--owner=${HOSTILE}:0`, `--group=${HOSTILE}:0`];
  await runTool('tar', '-C', directory, ...owner, '-cf', path(`store/${STORED}`), HOSTILE);
  writeFileSync(path(`store/${STORED}.notes`), HOSTILE);
  writeFileSync(path(`store/vzdump-lxc-102-${HOSTILE.replace('\n', '')}.tar`), '');
  const vm = ['--config', path(HOSTILE), '--drive', `${HOSTILE}=${path('disk.raw')}`];
  await runCliWell(['pack', path('a.vma'), ...vm]);
}

testWith(
  ['tar'],
  'nothing that archives and stores say acts on the terminal, as text or as JSON',
  async () => {
    const directory = await scratch();
    await hostileFiles(directory);
    const tar = `store/${STORED}`;
    for (const [says, ...args] of [
      [true, 'list', tar],
      [true, 'list', tar, '--owner-names'],
      [true, 'list', 'a.vma'],
      [true, 'backups', 'store'],
      [true, 'prune', 'store', '--keep-all'],
      [true, 'cat', tar, `no ${HOSTILE}`],
      [true, 'config', 'a.vma', '--name', `no ${HOSTILE}`],
      [true, 'unpack', tar, `no ${HOSTILE}`, '--to', 'to', '--ignore-owner'],
      [true, 'verify', HOSTILE],
      [false, 'verify', tar, 'a.vma', '--verbose'],
    ] as const) {
      for (const json of [[], ['--json']]) {
        const { stdout, stderr } = await runCli([...args, ...json], { cwd: directory });
        const shown = stdout.toString() + stderr;
        expect(shown.replaceAll('\n', ''), args.join(' ')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\ufffd]/u);
        expect(shown, args.join(' ')).not.toMatch(/^vil/m);
        if (says) expect(shown, args.join(' ')).toContain('vil');
      }
    }
  },
);

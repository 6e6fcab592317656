import { isProtected, setProtected } from '@vzdump-format/vzdump';
import type { Command } from '../command.js';
import { UsageError } from '../exit-status.js';
import type { CommonOptions } from '../options.js';
import { printJson, printLines } from '../output.js';

interface Options extends CommonOptions {
  readonly off?: boolean;
  readonly show?: boolean;
}

export const protect: Command<Options> = {
  name: 'protect',
  summary: 'protect a backup from being pruned or removed',
  arguments: [{ name: '<archive>', description: 'the backup', values: 'file' }],
  options: [
    { flags: '--off', description: 'protect it no longer' },
    { flags: '--show', description: 'print whether it is protected, and change nothing' },
  ],
  examples: [
    'vzdump-format protect vzdump-qemu-100-2026_11_20-02_00_00.vma.zst',
    'vzdump-format protect vzdump-qemu-100-2026_11_20-02_00_00.vma.zst --off',
  ],

  async run([archive], { off = false, show = false, json }) {
    if (off && show) throw new UsageError('--off changes the protection, and --show changes nothing');
    if (!show) await setProtected(archive!, !off);
    if (!show && !json) return;
    const state = await isProtected(archive!);
    if (json) await printJson({ path: archive, protected: state });
    else await printLines([state ? 'protected' : 'not protected']);
  },
};

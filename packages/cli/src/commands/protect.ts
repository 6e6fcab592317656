import { findStorageOf } from '@vzdump-format/pve';
import { locateStoredBackup, protectBackup } from '@vzdump-format/stores';
import type { Command } from '../command.js';
import { backupArgument, type CommonOptions, type PveRootOption, pveRootOption } from '../options/options.js';
import { UsageError } from '../output/exit-status.js';
import { printJson, printLines } from '../output/output.js';

interface Options extends CommonOptions, PveRootOption {
  readonly off?: boolean;
  readonly show?: boolean;
}

export const protect: Command<Options> = {
  name: 'protect',
  summary: 'protect a backup from being pruned or removed',
  arguments: [backupArgument],
  options: [
    { flags: '--off', description: 'protect it no longer' },
    { flags: '--show', description: 'print whether it is protected, and change nothing' },
    pveRootOption,
  ],
  examples: [
    'vzdump-format protect vzdump-qemu-100-2026_11_20-02_00_00.vma.zst',
    'vzdump-format protect local:backup/vzdump-qemu-100-2026_11_20-02_00_00.vma.zst --off',
  ],

  async run([name], { off = false, show = false, json, pveRoot }, { onWarning }) {
    if (off && show) throw new UsageError('--off changes the protection, and --show changes nothing');
    const { store, id, path, storage } = await locateStoredBackup(name!, { pveRoot, onWarning });
    if (off) await store.setProtected(id, false);
    else if (!show) await protectBackup(store, id, storage ?? (await findStorageOf(path, { pveRoot })));
    if (!show && !json) return;
    const state = await store.isProtected(id);
    if (json) await printJson({ path, protected: state });
    else await printLines([state ? 'protected' : 'not protected']);
  },
};

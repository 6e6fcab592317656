import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { printableName } from '@vzdump-format/file-tree';
import { DEFAULT_PVE_ROOT, type Guest, type GuestType } from '../config/index.js';
import { isInstalled } from './run-tool.js';

/** What Proxmox VE manages its guests with. */
export const HOST_PROGRAMS: Readonly<Record<GuestType, string>> = { qemu: 'qm', lxc: 'pct' };

/** Whether a directory is the one whose guests Proxmox VE's programs know. */
export async function isHostConfiguration(pveRoot: string): Promise<boolean> {
  const [asked, own] = await Promise.all([pveRoot, DEFAULT_PVE_ROOT].map(realPath));
  return asked === own;
}

/** What takes the lock off a guest: a command where there is Proxmox VE, else a line of its configuration. */
export async function howToUnlock({ type, vmid, configPath }: Guest, lock: string): Promise<string> {
  const program = HOST_PROGRAMS[type];
  const knowsIt = isInstalled(program) && (await isHostConfiguration(dirname(dirname(configPath))));
  return knowsIt
    ? `${program} unlock ${vmid}`
    : `remove the line 'lock: ${printableName(lock)}' from ${printableName(configPath)}`;
}

async function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

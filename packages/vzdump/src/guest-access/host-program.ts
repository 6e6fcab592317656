import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { isInstalled, printableName } from '@vzdump-format/posix';
import { DEFAULT_PVE_ROOT, type Guest, type GuestType } from '@vzdump-format/pve';

/** The programs with which Proxmox VE manages its guests. */
export const HOST_PROGRAMS: Readonly<Record<GuestType, string>> = { qemu: 'qm', lxc: 'pct' };

/** Whether a directory is the one whose guests Proxmox VE's programs know. */
export function isHostConfiguration(pveRoot: string): boolean {
  return realPath(pveRoot) === realPath(DEFAULT_PVE_ROOT);
}

/** How to take the lock off a guest: by a command where there is Proxmox VE, else in its configuration. */
export function howToUnlock(guest: Guest, lock: string): string {
  return (
    hostCommand(guest, 'unlock') ?? `remove the line 'lock: ${printableName(lock)}' from ${guest.configPath}`
  );
}

/** How to make a template of a guest, likewise. */
export function howToMakeTemplate(guest: Guest): string {
  return hostCommand(guest, 'template') ?? `add the line 'template: 1' to ${guest.configPath}`;
}

/** `undefined` where there is no such program, or it does not know the guest. */
function hostCommand({ type, vmid, configPath }: Guest, command: string): string | undefined {
  const program = HOST_PROGRAMS[type];
  const knowsIt = isInstalled(program) && isHostConfiguration(dirname(dirname(configPath)));
  return knowsIt ? `${program} ${command} ${vmid}` : undefined;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from '@vzdump-format/testing';
import { onTestFinished } from 'vitest';

/** A container of busybox, stopped and removed with the test that runs. */
export interface LxcContainer {
  /** For `--lxc-path`. */
  readonly lxcPath: string;
  state(): Promise<string>;
}

/**
 * Makes a container and starts it. It writes `/started` once, and ends at once when it is asked to shut down.
 * @param directory for LXC's files
 * @param rootfs a directory that is there
 * @param mounts directories of the host, by where they are in the container
 */
export async function startContainer(
  vmid: number,
  directory: string,
  rootfs: string,
  mounts: Readonly<Record<string, string>> = {},
): Promise<LxcContainer> {
  const lxcPath = join(directory, 'lxc');
  mkdirSync(lxcPath);
  const which = ['-P', lxcPath, '-n', String(vmid)];
  await runTool('lxc-create', ...which, '-t', 'busybox');
  cpSync(join(lxcPath, String(vmid), 'rootfs'), rootfs, { recursive: true, verbatimSymlinks: true });
  const script = "#!/bin/sh\ntrap 'exit 0' PWR\necho yes > /started\nwhile :; do sleep 0.1; done\n";
  writeFileSync(join(rootfs, 'sbin/run'), script, { mode: 0o755 });
  for (const path of Object.keys(mounts)) mkdirSync(join(rootfs, path), { recursive: true });
  const entries = Object.entries(mounts).map(
    ([path, source]) => `lxc.mount.entry = ${source} ${path.slice(1)} none bind 0 0`,
  );
  const config = [
    ...[`lxc.rootfs.path = dir:${rootfs}`, 'lxc.net.0.type = none', 'lxc.init.cmd = /sbin/run'],
    ...['lxc.autodev = 1', 'lxc.mount.auto = proc:mixed sys:ro', ...entries, ''],
  ];
  writeFileSync(join(lxcPath, String(vmid), 'config'), config.join('\n'));
  onTestFinished(() => {
    spawnSync('lxc-stop', [...which, '--kill']); // which fails when it does not run
  });
  await runTool('lxc-start', ...which, '--daemon');
  return { lxcPath, state: async () => (await runTool('lxc-info', ...which, '-s', '-H')).trim() };
}

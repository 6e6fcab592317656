import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lxc } from '../container/lxc.js';

export interface BusyboxContainerOptions {
  readonly vmid: number;
  /** For LXC's files. */
  readonly directory: string;
  /** What becomes its root; made if it is not there. */
  readonly rootfs: string;
  /** Directories of the host, by where they are in the container. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** What its first process does before anything else, a line of shell. */
  readonly prelude?: string;
}

/**
 * A container of busybox. Its one process counts in `/count`, and then in `count` of each mount, as fast as
 * it can, so that all hold the same number, or the ones before the one that it is at have the next. It shuts
 * down at once when it is asked to.
 */
export class BusyboxContainer {
  readonly lxc: Lxc;
  readonly lxcPath: string;

  constructor(private readonly options: BusyboxContainerOptions) {
    const { vmid, directory, rootfs, mounts = {}, prelude = "trap 'exit 0' PWR" } = options;
    this.lxcPath = mkdtempSync(join(directory, 'lxc-'));
    this.lxc = new Lxc({ lxcPath: this.lxcPath });
    run('lxc-create', '-P', this.lxcPath, '-n', String(vmid), '-t', 'busybox');
    cpSync(join(this.lxcPath, String(vmid), 'rootfs'), rootfs, { recursive: true, verbatimSymlinks: true });
    const counters = ['/count', ...Object.keys(mounts).map((path) => `${path}/count`)];
    const counting = counters.map((path) => `echo $n 1<>${path}`).join('; ');
    const init = `#!/bin/sh\n${prelude}\nn=1000000\nwhile :; do n=$((n+1)); ${counting}; done\n`;
    writeFileSync(join(rootfs, 'sbin/count'), init, { mode: 0o755 });
    for (const path of Object.keys(mounts)) mkdirSync(join(rootfs, path), { recursive: true });
    writeFileSync(join(this.lxcPath, String(vmid), 'config'), lxcConfig(options));
  }

  async start(): Promise<void> {
    if ((await this.state()) === 'stopped') await this.lxc.start(this.options.vmid);
  }

  state() {
    return this.lxc.state(this.options.vmid);
  }

  async remove(): Promise<void> {
    if ((await this.state()) !== 'stopped') await this.lxc.stop(this.options.vmid, 0);
    rmSync(this.lxcPath, { recursive: true });
  }
}

/** Without a network of its own, nor the host's. */
function lxcConfig({ rootfs, mounts = {} }: BusyboxContainerOptions): string {
  return [
    `lxc.rootfs.path = dir:${rootfs}`,
    'lxc.net.0.type = empty',
    'lxc.init.cmd = /sbin/count',
    'lxc.autodev = 1',
    'lxc.mount.auto = proc:mixed sys:ro',
    ...Object.entries(mounts).map(
      ([path, source]) => `lxc.mount.entry = ${source} ${path.slice(1)} none bind 0 0`,
    ),
    '',
  ].join('\n');
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe' });
}

/**
 * How far apart the numbers in a tree are that a container has counted to: 1 at most when they are of one
 * moment.
 */
export function countSpread(root: string, mounts: readonly string[]): number {
  const counts = ['', ...mounts].map((path) => Number(readFileSync(join(root, path, 'count'), 'utf8')));
  if (counts.some((count) => !(count > 1_000_000))) throw new Error(`nothing was counted: ${counts}`);
  return Math.max(...counts) - Math.min(...counts);
}

import { type PackTreeOptions, packTree, tar } from '@vzdump-format/archives';
import { IdMap, LOST_AND_FOUND } from '@vzdump-format/file-tree';
import { pathToBytes, printableName } from '@vzdump-format/posix';
import {
  BANDWIDTH_UNIT,
  formatIdRange,
  idMap,
  LXC_CONFIG_NAME,
  LXC_FIREWALL_NAME,
  lxcArchiveConfig,
} from '@vzdump-format/pve';
import type { TreeData } from '../../guest-access/guest-access.js';
import { TreeProgressLines } from '../tree-progress-lines.js';
import { tarBytes } from '../units.js';
import { type ArchiveRun, archiveOutput } from './archive-run.js';

/**
 * Makes the archive of a container: its configuration, its firewall rules, its files. @returns its size in
 * bytes
 */
export async function archiveContainer(data: TreeData, run: ArchiveRun): Promise<number> {
  const { job, log, guest, config } = run;
  const ranges = idMap(config).map(formatIdRange);
  const rules = (await job.root.readFirewall(guest.vmid)) ?? new Uint8Array();
  const output = archiveOutput(run);
  const startedAt = performance.now();
  const lines = new TreeProgressLines(log.info);
  const options: PackTreeOptions = {
    ...output,
    ...{ format: tar, tree: data.tree },
    first: [
      { path: withoutDot(LXC_CONFIG_NAME), data: pathToBytes(lxcArchiveConfig(config)) },
      { path: withoutDot(LXC_FIREWALL_NAME), data: rules },
    ],
    walk: { idMap: ranges.length === 0 ? undefined : IdMap.parse(ranges) },
    excludes: usablePatterns(data, run, ranges.length > 0),
    limit: job.options.bwlimit * BANDWIDTH_UNIT,
    onProgress: (bytes, total) => {
      lines.update(bytes);
      job.onEvent?.({ type: 'progress', vmid: guest.vmid, bytes, total });
    },
  };
  const { uncompressedBytes, archiveBytes } = await packTree(options);
  const rate = (uncompressedBytes / Math.max(performance.now() - startedAt, 1)) * 1000;
  log.info(`Total bytes written: ${uncompressedBytes} (${tarBytes(uncompressedBytes)}, ${tarBytes(rate)}/s)`);
  return archiveBytes;
}

/** A pattern that ends in a slash is something to rsync, and nothing to tar. */
function usablePatterns({ isCopy }: TreeData, run: ArchiveRun, isUnprivileged: boolean): readonly string[] {
  const usable: string[] = isUnprivileged ? [LOST_AND_FOUND] : [];
  for (const pattern of run.excludePatterns) {
    if (!pattern.endsWith('/')) usable.push(pattern);
    else if (!isCopy) {
      run.log.warn(`tar does not match exclusion with a trailing slash '${printableName(pattern)}'`);
    }
  }
  return usable;
}

function withoutDot(name: string): string {
  return name.replace(/^\.\//, '');
}

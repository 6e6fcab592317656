import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type Guest, parseGuestConfig, parseStorageConfig } from '@vzdump-format/pve';
import type { AccessPhase, GuestContext } from '../guest-access.js';

export interface RecordedContext {
  readonly context: GuestContext;
  /** What was told to the log and to the hook script, in order: `INFO: …`, `HOOK: pre-stop`. */
  readonly events: string[];
  readonly controller: AbortController;
}

export interface RecordedContextOptions extends Partial<Omit<GuestContext, 'config' | 'storages' | 'log'>> {
  readonly vmid: number;
  /** Of a container unless given. */
  readonly type?: Guest['type'];
  /** As in the file. */
  readonly config: string;
  /** Where the storage `local` is. */
  readonly storage: string;
  /** Its type; `dir` unless given. */
  readonly storageType?: string;
  /** For temporary files. */
  readonly directory: string;
  /** What the hook script does; nothing unless given. */
  readonly onPhase?: (name: AccessPhase) => void | Promise<void>;
}

/** What a guest's backup gives a way to access it, with a log that can be looked at. */
export async function recordedContext(options: RecordedContextOptions): Promise<RecordedContext> {
  const { vmid, type = 'lxc', config, storage, storageType = 'dir', directory, onPhase, ...others } = options;
  const events: string[] = [];
  const controller = new AbortController();
  await mkdir(directory, { recursive: true });
  const context: GuestContext = {
    guest: { vmid, type, configPath: `/etc/pve/${type === 'lxc' ? type : 'qemu-server'}/${vmid}.conf` },
    config: parseGuestConfig(config, type),
    isRunning: true,
    storages: parseStorageConfig(`${storageType}: local\n\tpath ${storage}\n\tcontent rootdir,images\n`),
    node: 'here',
    temporaryDirectory: await mkdtemp(join(directory, 'temporary-')),
    excludePatterns: [],
    bandwidthLimit: 0,
    stopWait: 1,
    signal: controller.signal,
    log: {
      info: (message) => events.push(`INFO: ${message}`),
      warn: (message) => events.push(`WARN: ${message}`),
      error: (message) => events.push(`ERROR: ${message}`),
    },
    async phase(name) {
      events.push(`HOOK: ${name}`);
      await onPhase?.(name);
    },
    ...others,
  };
  return { context, events, controller };
}

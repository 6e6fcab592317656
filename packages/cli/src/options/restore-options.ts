import type { OptionType, OptionValue } from '@vzdump-format/pve';
import { inGroup, type OptionSpec } from '../command.js';
import { UsageError } from '../output/exit-status.js';
import { givenOptions, optionSpec, type ParsedOptions, type ProxmoxOption } from './proxmox-options.js';
import type { NumberedValues } from './spelling.js';

/** What qmrestore and `pct restore` have, both or one of them, but for a container's configuration. */
const RESTORE_OPTIONS = [
  {
    name: 'storage',
    type: { kind: 'string' },
    description:
      "for the guest's volumes; unless given, where they came from for a VM, local for a container",
  },
  {
    name: 'force',
    type: { kind: 'boolean' },
    default: '0',
    description: 'replace the guest of that number, once the new one is whole',
  },
  {
    name: 'unique',
    type: { kind: 'boolean' },
    default: '0',
    description: 'give it MAC addresses and a SMBIOS uuid of its own',
  },
  {
    name: 'bwlimit',
    type: { kind: 'number', min: 0 },
    description:
      'so many KiB/s at most, 0 is unlimited; unless given, what the storages and the datacenter say',
  },
  { name: 'pool', type: { kind: 'string' }, description: 'make it a member of this pool' },
  {
    name: 'start',
    type: { kind: 'boolean' },
    default: '0',
    description: 'start it when it is whole; only on a host of Proxmox VE',
  },
  {
    name: 'unprivileged',
    type: { kind: 'boolean' },
    description: 'whether a container is one; as in the backup unless given',
  },
  {
    name: 'ignore-unpack-errors',
    type: { kind: 'boolean' },
    default: '0',
    description: 'of a container, keep what was unpacked until an error',
  },
  {
    name: 'ha-managed',
    type: { kind: 'boolean' },
    default: '0',
    description: 'only 0 is possible: Proxmox VE puts guests under its care',
  },
  {
    name: 'live-restore',
    type: { kind: 'boolean' },
    default: '0',
    description: 'only 0 is possible: backups in files are restored before a guest starts',
  },
] as const satisfies readonly ProxmoxOption[];

const LIST_OF_WORDS = { kind: 'list', pattern: /^[^\0]+$/ } as const satisfies OptionType;

/** What wins over a container's configuration in the backup. */
const CONTAINER_OPTIONS: readonly ProxmoxOption[] = [
  {
    name: 'arch',
    type: { kind: 'choice', choices: ['amd64', 'i386', 'arm64', 'armhf', 'riscv32', 'riscv64'] },
    description: 'architecture of the container',
  },
  {
    name: 'cmode',
    type: { kind: 'choice', choices: ['shell', 'console', 'tty'] },
    description: 'what its console shows',
  },
  { name: 'console', type: { kind: 'boolean' }, description: 'whether it has /dev/console' },
  { name: 'cores', type: { kind: 'integer', min: 1, max: 8192 }, description: 'number of its CPU cores' },
  { name: 'cpulimit', type: { kind: 'number', min: 0, max: 8192 }, description: 'CPU time in CPUs' },
  {
    name: 'cpuunits',
    type: { kind: 'integer', min: 0, max: 500_000 },
    description: 'weight of its CPU time',
  },
  { name: 'debug', type: { kind: 'boolean' }, description: 'whether it starts with a verbose log' },
  { name: 'description', type: { kind: 'string', maxLength: 8192 }, description: 'its description' },
  { name: 'entrypoint', type: { kind: 'string' }, description: 'command that its init runs' },
  { name: 'env', type: { kind: 'string' }, description: 'its environment, NUL between variables' },
  { name: 'features', type: { kind: 'string' }, description: 'features that it may use, as nesting=1' },
  { name: 'hookscript', type: { kind: 'string' }, description: 'script for steps of its life, a volume' },
  { name: 'hostname', type: { kind: 'string', maxLength: 255 }, description: 'its host name' },
  { name: 'lock', type: { kind: 'string' }, description: 'lock that it has' },
  { name: 'memory', type: { kind: 'integer', min: 16 }, description: 'MiB of memory' },
  { name: 'nameserver', type: LIST_OF_WORDS, description: 'IP addresses of its DNS servers' },
  { name: 'onboot', type: { kind: 'boolean' }, description: 'whether it starts with the host' },
  { name: 'ostype', type: { kind: 'string' }, description: 'its operating system, as debian' },
  { name: 'protection', type: { kind: 'boolean' }, description: 'whether it cannot be removed' },
  { name: 'searchdomain', type: LIST_OF_WORDS, description: 'DNS search domains' },
  { name: 'startup', type: { kind: 'string' }, description: 'order and delays of start and shutdown' },
  { name: 'swap', type: { kind: 'integer', min: 0 }, description: 'MiB of swap' },
  { name: 'tags', type: LIST_OF_WORDS, description: 'its tags' },
  { name: 'timezone', type: { kind: 'string' }, description: 'its time zone, or host' },
  { name: 'tty', type: { kind: 'integer', min: 0, max: 6 }, description: 'number of its ttys' },
];

const PLACEHOLDERS = { storage: 'id', bwlimit: 'KiB/s', pool: 'id' };

const NUMBERED: readonly OptionSpec[] = [
  { flags: '--netN <properties>', description: 'a network card' },
  { flags: '--devN <properties>', description: 'a device of the host' },
  { flags: '--unusedN <volume>', description: 'has no effect on a restore' },
].map((spec) => ({ ...spec, numbered: true }));

/** rootfs and mount points: these decide, and those in the backup do not count. */
const MOUNT_POINTS: readonly OptionSpec[] = [
  {
    flags: '--rootfs <volume>',
    description:
      'where a container goes: STORAGE:GIB, or GIB alone, 0 for a directory without a limit; or a path',
  },
  { flags: '--mpN <volume>', description: 'likewise a mount point: STORAGE:GIB,mp=PATH', numbered: true },
];

export const restoreOptionSpecs: readonly OptionSpec[] = [
  ...RESTORE_OPTIONS.map((option) => optionSpec(option, PLACEHOLDERS)),
  ...inGroup('Where a container goes', MOUNT_POINTS),
  ...inGroup("Of a container's configuration", [
    ...CONTAINER_OPTIONS.map((option) => optionSpec(option, {})),
    ...NUMBERED,
  ]),
];

/** What commander makes of the numbered options, and of rootfs. */
interface ParsedRestoreOptions extends ParsedOptions {
  readonly rootfs?: string;
  readonly mpN?: NumberedValues;
  readonly netN?: NumberedValues;
  readonly devN?: NumberedValues;
}

/**
 * The options that are about the restore, and not about the configuration, as the library takes them.
 * @throws UsageError for what only Proxmox VE can do
 */
export function givenRestoreOptions(parsed: ParsedRestoreOptions) {
  const given = givenOptions(RESTORE_OPTIONS, parsed);
  const { 'ignore-unpack-errors': ignoreUnpackErrors, 'ha-managed': managed, 'live-restore': live } = given;
  if (live) {
    throw new UsageError(
      'live-restore is only compatible with backup images from a Proxmox Backup Server',
      'leave it out: the guest can be started when it is whole',
    );
  }
  if (managed) {
    throw new UsageError(
      '--ha-managed is not possible here',
      'leave it out: where there is high availability, the guest can be put under its care afterwards',
    );
  }
  const { storage, force, unique, bwlimit, pool, start, unprivileged } = given;
  return { storage, force, unique, bwlimit, pool, start, unprivileged, ignoreUnpackErrors };
}

export function givenMountPoints({ rootfs, mpN = new Map() }: ParsedRestoreOptions): NumberedValues {
  return new Map([...(rootfs === undefined ? [] : [['rootfs', rootfs] as const]), ...mpN]);
}

/** As the configuration is to have them. */
export function givenOverrides(parsed: ParsedRestoreOptions): ReadonlyMap<string, string> {
  const plain = Object.entries(givenOptions(CONTAINER_OPTIONS, parsed));
  return new Map([
    ...plain.map(([name, value]) => [name, written(name, value)] as const),
    ...(parsed.netN ?? []),
    ...(parsed.devN ?? []),
  ]);
}

/** What stands between the items of a list, as `pct set` writes them. */
function written(name: string, value: OptionValue | undefined): string {
  if (Array.isArray(value)) return value.join(name === 'tags' ? ';' : ' ');
  return typeof value === 'boolean' ? String(Number(value)) : String(value);
}

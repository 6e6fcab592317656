import { STORAGE_ID } from '../storage/storage-config.js';
import type { OptionType, ValueOf } from './option-value.js';

/** An option of vzdump: on the command line, in a job and in vzdump.conf. */
export interface VzdumpOptionSpec {
  readonly name: string;
  readonly type: OptionType;
  /** As it would be written; none where not giving it is something of its own. */
  readonly default?: string;
  readonly description: string;
  /** `command-line` for what vzdump.conf cannot say. */
  readonly place?: 'command-line';
  /** What to do instead. */
  readonly deprecated?: string;
  /** Why it is accepted, and changes nothing. */
  readonly noEffect?: string;
}

const ANY_WORD = /^\S+$/;
const NODE_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;
const POOL_ID = /^[a-z0-9._-]+(?:\/[a-z0-9._-]+){0,2}$/i;
/** None can be taken for an option of sendmail. */
const MAIL_RECIPIENT = /^[^\s@:/-][^\s@:/]*(?:@[^\s@]+)?$/;

/** Why what is about reading through QEMU changes nothing. */
const UNREAD = 'virtual machines are not read through QEMU';

/** Every option but the guests' numbers, which are arguments. */
export const vzdumpOptions = [
  {
    name: 'all',
    type: { kind: 'boolean' },
    default: '0',
    description: 'back up all guests of this host',
    place: 'command-line',
  },
  {
    name: 'bwlimit',
    type: { kind: 'integer', min: 0 },
    default: '0',
    description: 'read guests no faster than so many KiB/s; 0 is unlimited',
  },
  {
    name: 'compress',
    type: { kind: 'choice', choices: ['0', '1', 'gzip', 'lzo', 'zstd'] },
    default: '0',
    description: 'how the archive is compressed: 0 not at all, 1 as lzo',
  },
  {
    name: 'dumpdir',
    type: { kind: 'string' },
    description: 'put archives into this directory, beside all storages',
  },
  {
    name: 'exclude',
    type: { kind: 'guests' },
    description: 'guests to leave out of --all, which it implies; it does nothing with --pool',
    place: 'command-line',
  },
  {
    name: 'exclude-path',
    type: { kind: 'array' },
    description: "leave out a container's files: a pattern that begins with / from its root, others anywhere",
  },
  {
    name: 'fleecing',
    type: {
      kind: 'properties',
      defaultKey: 'enabled',
      keys: { enabled: { kind: 'boolean' }, storage: { kind: 'string', pattern: STORAGE_ID } },
    },
    default: 'enabled=0',
    description: 'keep what a running virtual machine overwrites on another storage until it is backed up',
    noEffect: UNREAD,
  },
  {
    name: 'ionice',
    type: { kind: 'integer', min: 0, max: 8 },
    default: '7',
    description: 'I/O priority, 0 the highest; 8 works only while the disks are idle',
  },
  {
    name: 'job-id',
    type: { kind: 'string', maxLength: 50, pattern: ANY_WORD },
    description: 'the job that this is, for notifications',
    noEffect: "notification targets and matchers are Proxmox VE's own",
  },
  {
    name: 'lockwait',
    type: { kind: 'integer', min: 0 },
    default: '180',
    description: 'wait so many minutes for another backup on this host to end',
  },
  {
    name: 'mailnotification',
    type: { kind: 'choice', choices: ['always', 'failure'] },
    default: 'always',
    description: 'when to send mail',
    deprecated: 'set up notification targets and matchers',
  },
  {
    name: 'mailto',
    type: { kind: 'list', pattern: MAIL_RECIPIENT },
    description: 'mail addresses or users to notify',
    deprecated: 'set up notification targets and matchers',
  },
  {
    name: 'maxfiles',
    type: { kind: 'integer', min: 0 },
    description: 'keep so many backups of each guest; 0 keeps all',
    deprecated: 'use --prune-backups keep-last=N',
  },
  {
    name: 'mode',
    type: { kind: 'choice', choices: ['snapshot', 'suspend', 'stop'] },
    default: 'snapshot',
    description: 'what happens to a running guest meanwhile',
  },
  {
    name: 'node',
    type: { kind: 'string', pattern: NODE_NAME },
    description: 'do something on the node of this name only',
    place: 'command-line',
  },
  {
    name: 'notes-template',
    type: { kind: 'string', maxLength: 1024 },
    description:
      'notes for the backups; {{cluster}}, {{guestname}}, {{node}} and {{vmid}} are filled in; needs --storage',
  },
  {
    name: 'notification-mode',
    type: { kind: 'choice', choices: ['auto', 'legacy-sendmail', 'notification-system'] },
    default: 'auto',
    description: 'how to notify: auto sends mail if --mailto is set',
  },
  {
    name: 'pbs-change-detection-mode',
    type: { kind: 'choice', choices: ['legacy', 'data', 'metadata'] },
    description: 'how containers are searched for changes when they go to a backup server',
    noEffect: 'nothing goes to a backup server',
  },
  {
    name: 'performance',
    type: {
      kind: 'properties',
      keys: {
        'max-workers': { kind: 'integer', min: 1, max: 256 },
        'pbs-entries-max': { kind: 'integer', min: 1 },
      },
    },
    default: 'max-workers=16,pbs-entries-max=1048576',
    description:
      'max-workers reads of a virtual machine at once; pbs-entries-max entries of a container in memory',
    noEffect: UNREAD,
  },
  {
    name: 'pigz',
    type: { kind: 'integer', min: 0 },
    default: '0',
    description: 'gzip with so many threads; 0 with one, 1 with half of the cores',
  },
  {
    name: 'pool',
    type: { kind: 'string', pattern: POOL_ID },
    description: 'back up the guests of this pool',
  },
  {
    name: 'protected',
    type: { kind: 'boolean' },
    description: 'protect the backups from being pruned and removed; needs --storage',
  },
  {
    name: 'prune-backups',
    type: { kind: 'retention' },
    description:
      "which backups to keep: keep-last=3,keep-daily=7; the storage's own setting unless given, else all",
  },
  {
    name: 'quiet',
    type: { kind: 'boolean' },
    default: '0',
    description: 'say nothing',
  },
  {
    name: 'remove',
    type: { kind: 'boolean' },
    default: '1',
    description: 'prune after each guest, as --prune-backups says',
  },
  {
    name: 'script',
    type: { kind: 'string' },
    description: 'a program that is called at each step',
  },
  {
    name: 'stdexcludes',
    type: { kind: 'boolean' },
    default: '1',
    description: "leave out a container's temporary files and PID files",
  },
  {
    name: 'stdout',
    type: { kind: 'boolean' },
    description: 'write the archive of the one guest to standard output',
    place: 'command-line',
  },
  {
    name: 'stop',
    type: { kind: 'boolean' },
    default: '0',
    description: 'stop the backup that runs on this host',
    place: 'command-line',
  },
  {
    name: 'stopwait',
    type: { kind: 'integer', min: 0 },
    default: '10',
    description: 'wait so many minutes for a guest to shut down',
  },
  {
    name: 'storage',
    type: { kind: 'string', pattern: STORAGE_ID },
    description: "put archives on this storage; 'local' unless --dumpdir is given",
  },
  { name: 'tmpdir', type: { kind: 'string' }, description: 'where temporary files go' },
  {
    name: 'zstd',
    type: { kind: 'integer', min: 0 },
    default: '1',
    description: 'compress zstd with so many threads; 0 with half of the cores',
  },
] as const satisfies readonly VzdumpOptionSpec[];

type Row = (typeof vzdumpOptions)[number];
export type VzdumpOptionName = Row['name'];

/** Values by the options' names; what is not given is not there. */
export type VzdumpOptions = { readonly [Each in Row as Each['name']]?: ValueOf<Each['type']> };

/** The names of options that have a default. */
export type DefaultedOptionName = Extract<Row, { readonly default: string }>['name'];

/** The option of that name. */
export function vzdumpOption(name: string): VzdumpOptionSpec | undefined {
  return vzdumpOptions.find((row) => row.name === name);
}

import type { ArgumentSpec, OptionSpec } from '../command.js';
import { wholeNumber } from './options.js';

/** For every command that works on backups in one place. */
export const backupsArgument: ArgumentSpec = {
  name: '<directory>',
  description: 'where they are; or the id of a storage, as local',
  values: 'directory',
};

/** For every command that works on the backups of some guests. */
export const guestOptions: readonly OptionSpec[] = [
  { flags: '--type <type>', description: 'only backups of VMs, or of containers', choices: ['qemu', 'lxc'] },
  {
    flags: '--vmid <id>',
    description: 'only backups of this guest',
    parse: (text) => wholeNumber('--vmid', text, 100, 999_999_999),
  },
];

export interface GuestOptions {
  readonly type?: 'qemu' | 'lxc';
  readonly vmid?: number;
}

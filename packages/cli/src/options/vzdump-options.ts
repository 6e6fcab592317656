import { type OptionValue, type VzdumpOptions, vzdumpOptions } from '@vzdump-format/pve';
import type { OptionSpec } from '../command.js';
import { givenOptions, optionSpec, type Placeholders } from './proxmox-options.js';

const PLACEHOLDERS: Placeholders = {
  bwlimit: 'KiB/s',
  dumpdir: 'directory',
  'exclude-path': 'pattern',
  lockwait: 'minutes',
  node: 'name',
  pigz: 'threads',
  pool: 'id',
  script: 'file',
  stopwait: 'minutes',
  storage: 'id',
  tmpdir: 'directory',
  zstd: 'threads',
};

/** vzdump's options, by its own table. */
export const vzdumpOptionSpecs: readonly OptionSpec[] = vzdumpOptions.map((option) =>
  optionSpec(option, PLACEHOLDERS),
);

/** What commander makes of them: by names in camel case. */
export type ParsedVzdumpOptions = Readonly<Record<string, OptionValue | undefined>>;

/** The same by vzdump's names. */
export function givenVzdumpOptions(parsed: ParsedVzdumpOptions): VzdumpOptions {
  return givenOptions(vzdumpOptions, parsed);
}

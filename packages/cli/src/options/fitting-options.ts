import type { ArchiveFormat } from '@vzdump-format/archives';
import { UsageError } from '../output/exit-status.js';

/**
 * Which of a command's options are for one kind of archive alone: a VM is made of drives, a container of a
 * directory tree.
 */
export type OptionsByKind = Readonly<Record<ArchiveFormat['kind'], readonly string[]>>;

const HOLDS: Readonly<Record<ArchiveFormat['kind'], string>> = {
  disks: 'the drives of a VM',
  tree: 'a directory tree',
};

/** @throws UsageError when an option was given that has no meaning for an archive of this format */
export function requireFitting({ kind, name }: ArchiveFormat, options: object, only: OptionsByKind): void {
  const others = only[kind === 'disks' ? 'tree' : 'disks'];
  const given: Readonly<Record<string, unknown>> = { ...options };
  const found = others.find((option) => given[option] !== undefined);
  if (found === undefined) return;
  const flag = found.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${flag} does not go with ${name}, which holds ${HOLDS[kind]}`);
}

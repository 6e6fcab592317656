import { type BigIntStats, fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Writable } from 'node:stream';
import { type ExcludeRules, excludingAlso } from '@vzdump-format/file-tree';
import { pathToBytes, printableName } from '@vzdump-format/posix';
import type { OnWarning } from '@vzdump-format/streams';

/**
 * The files that an archive is written to, which may lie in the tree that is packed into it. There they are
 * left out, as by GNU tar, with the notice `OUTPUT_IN_TREE`.
 */
export class OutputExclusion {
  private readonly files: { readonly name: string; readonly status: BigIntStats }[] = [];

  constructor(
    private readonly root: string,
    private readonly onWarning: OnWarning | undefined,
  ) {}

  /** Takes note of a file that is there by now. */
  readonly add = (path: string): void => {
    this.files.push({ name: basename(path), status: lstatSync(path, { bigint: true }) });
  };

  /** The same for what a shell has redirected to a file, where the system tells its name. */
  addStream(stream: Writable): void {
    const { fd } = stream as Writable & { readonly fd?: unknown };
    if (typeof fd !== 'number' || !fstatSync(fd).isFile()) return;
    try {
      this.add(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      // it has no name any more, or there is no proc
    }
  }

  /** Rules by which these files are left out, too. They are asked while the files are written. */
  without(rules: ExcludeRules): ExcludeRules {
    return excludingAlso(rules, (path) => this.holds(path));
  }

  private holds(path: string): boolean {
    for (const { name, status } of this.files) {
      if (path.endsWith(name) && this.is(path, name, status)) return true;
    }
    return false;
  }

  private is(path: string, name: string, file: BigIntStats): boolean {
    if (path.length > name.length && path[path.length - name.length - 1] !== '/') return false;
    const options = { bigint: true, throwIfNoEntry: false } as const;
    const status = lstatSync(pathToBytes(join(this.root, path)), options);
    if (status?.ino !== file.ino || status.dev !== file.dev) return false;
    const message = `${printableName(path)} is what the archive is written to, and left out`;
    this.onWarning?.({ code: 'OUTPUT_IN_TREE', message, entry: path, isNotice: true });
    return true;
  }
}

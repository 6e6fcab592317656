import { readFileSync } from 'node:fs';
import { isNotFound } from '@vzdump-format/streams';
import type { Acl, AclEntry } from '../entry/entry.js';

/** Users and groups by name. */
export interface Accounts {
  /** `undefined` for a name that is not known. */
  idOf(kind: 'user' | 'group', name: string): number | undefined;
}

/**
 * The accounts of this system, or of the one below `root`: what stands in its `/etc/passwd` and `/etc/group`.
 */
export function readAccounts(root = ''): Accounts {
  const ids = { user: readIds(`${root}/etc/passwd`), group: readIds(`${root}/etc/group`) };
  return { idOf: (kind, name) => ids[kind].get(name) };
}

/**
 * Gives the entries of an ACL that have a name only the id that it has here. Those whose name is not known
 * stay as they are.
 */
export function resolveAclNames(acl: Acl, accounts: Accounts): Acl {
  return acl.map((entry): AclEntry => {
    const { tag, id, name, permissions } = entry;
    if (id !== undefined || name === undefined || (tag !== 'user' && tag !== 'group')) return entry;
    const found = accounts.idOf(tag, name);
    return found === undefined ? entry : { tag, id: found, permissions };
  });
}

/**
 * Both files have the name in the first field and the id in the third (passwd(5), group(5)). The first line
 * counts.
 */
function readIds(path: string): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const line of readTextIfAny(path).split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (/^\d+$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}

function readTextIfAny(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}

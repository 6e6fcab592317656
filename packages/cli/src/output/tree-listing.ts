import { type Acl, type FileEntry, formatAclText } from '@vzdump-format/file-tree';

/** An entry as `list --json` prints it. Fields that do not apply are absent. */
export function entryAsJson(entry: FileEntry, name: string): object {
  const { type, mode, uid, gid, size, mtime, linkTarget, device, xattrs, acl, defaultAcl, fcaps } = entry;
  return {
    path: name,
    type,
    mode: `0${mode.toString(8).padStart(3, '0')}`,
    ...{ uid, gid, size },
    mtime: seconds(mtime),
    ...(linkTarget !== undefined && { linkTarget }),
    ...(device !== undefined && { device: [device.major, device.minor] }),
    ...(xattrs !== undefined && xattrs.size > 0 && { xattrs: base64Values(xattrs) }),
    ...(acl !== undefined && { acl: aclText(acl) }),
    ...(defaultAcl !== undefined && { defaultAcl: aclText(defaultAcl) }),
    ...(fcaps !== undefined && { capabilities: Buffer.from(fcaps).toString('base64') }),
    ...(entry.flags !== undefined && entry.flags !== 0 && { flags: entry.flags }),
    ...(entry.quotaProject !== undefined && { quotaProject: entry.quotaProject }),
  };
}

/** `1700000000.123456789`: a number would not be exact. */
function seconds(nanoseconds: bigint): string {
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const whole = (nanoseconds - fraction) / 1_000_000_000n;
  if (fraction === 0n) return String(whole);
  // Before the epoch: -1.5 is whole -2 and fraction 0.5.
  const [shown, part] = whole < 0n ? [whole + 1n, 1_000_000_000n - fraction] : [whole, fraction];
  const sign = whole < 0n && shown === 0n ? '-' : '';
  return `${sign}${shown}.${String(part).padStart(9, '0')}`;
}

function base64Values(xattrs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  );
}

function aclText(acl: Acl): string[] {
  return formatAclText(acl).trim().split('\n');
}

/**
 * Does something with the rights of an ordinary user, in no group but `gid`. Only root can; files are made
 * and judged by the effective ids, which are put back.
 */
export async function asUser(uid: number, gid: number, body: () => Promise<void>): Promise<void> {
  const groups = process.getgroups!();
  process.setgroups!([]);
  process.setegid!(gid);
  process.seteuid!(uid);
  try {
    await body();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  }
}

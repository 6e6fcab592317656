/** The options that vzdump and pct restore give to tar. */
export const TAR_FLAGS = [
  ...['--one-file-system', '-p', '--sparse', '--numeric-owner', '--acls', '--xattrs'],
  ...['--xattrs-include=user.*', '--xattrs-include=security.capability'],
  ...['--warning=no-file-ignored', '--warning=no-xattr-write'],
];

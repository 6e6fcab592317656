/**
 * A name in a directory. Nothing is normalised, as `join` does: behind a symbolic link, `..` is not what it
 * seems. Slashes at the directory's end are dropped.
 */
export function inDirectory(directory: string, name: string): string {
  return `${directory.replace(/\/+$/, '')}/${name}`;
}

/** Where `name` in the directory `directory` is, for messages and for calls that take paths. */
export function entryPath(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

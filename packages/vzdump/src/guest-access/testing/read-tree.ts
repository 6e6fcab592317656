import type { GuestData, TreeData } from '../guest-access.js';

/** The paths in a tree as an archive gets them, in their order; the root's is empty. */
export async function pathsIn(data: GuestData): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of asTree(data).tree.open().entries()) paths.push(path);
  return paths;
}

export function asTree(data: GuestData): TreeData {
  if (data.kind !== 'tree') throw new Error(`a container has ${data.kind}`);
  return data;
}

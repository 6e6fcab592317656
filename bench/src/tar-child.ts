// Packs or unpacks with one of the npm packages: its name, 'pack' or 'unpack', the tree, the archive.
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { packTar, unpackTar } from 'modern-tar/fs';
import { create, extract } from 'tar';
import tarFs from 'tar-fs';

type Work = (tree: string, archive: string) => Promise<unknown>;

const PEERS: Readonly<Record<string, { readonly pack: Work; readonly unpack: Work }>> = {
  'node-tar': {
    pack: (cwd, file) => create({ cwd, file, portable: false }, ['.']),
    unpack: (cwd, file) => extract({ cwd, file, preserveOwner: true, preservePaths: false }),
  },
  'tar-fs': {
    pack: (tree, archive) => pipeline(tarFs.pack(tree), createWriteStream(archive)),
    unpack: (tree, archive) => pipeline(createReadStream(archive), tarFs.extract(tree)),
  },
  'modern-tar': {
    pack: (tree, archive) => pipeline(packTar(tree), createWriteStream(archive)),
    unpack: (tree, archive) => pipeline(createReadStream(archive), unpackTar(tree)),
  },
};

const [name, direction, tree, archive] = process.argv.slice(2) as [string, 'pack' | 'unpack', string, string];
mkdirSync(tree, { recursive: true });
await PEERS[name]![direction](tree, archive);

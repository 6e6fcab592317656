export type { ArchiveFormat, DiskFormat, StoredArchive, TreeFormat, VmaListing } from './archive-format.js';
export { convertArchive } from './convert-archive.js';
export {
  INDEX_EXTENSION,
  indexesOf,
  indexPlaces,
  isIndexFile,
  openUncompressed,
} from './find-index.js';
export { tar } from './formats/tar.js';
export { formatForFileName, formatNamed, formats, writtenExtensions } from './formats.js';
export { type IndexedArchive, indexArchive } from './index-archive.js';
export { type ArchiveInput, type OpenArchive, openArchive } from './open-archive.js';
export { type OutputSink, type WriteOutputOptions, writeOutput } from './output-file.js';
export { type PackTreeOptions, packTree } from './pack-tree.js';
export { type DriveSpec, type PackVmOptions, packVm } from './pack-vm.js';
export { indexWhileReading } from './read-together.js';
export { catFile, configContent, openTree, treeConfig, unpackTree } from './tree-archive.js';

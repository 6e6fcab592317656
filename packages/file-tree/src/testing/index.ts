export { testTreeSource } from './tree-source-contract.js';

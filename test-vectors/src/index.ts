export { type ContentRecipe, RecipeSource } from './content.js';
export { badPxars, type GoldenPxar, goldenPxars, type PxarCase, type PxarListing } from './pxar.js';
export { type GoldenTar, goldenTarBytes, goldenTars, type TreeFile } from './tar.js';
export { makeFilesOfManySizes } from './tree.js';
export { DECIDED, REFUSED_WITH, type Verdict, verdicts } from './vma-verdicts.js';
export { badVmaBytes, badVmas, craftedVmas, type GoldenVma, goldenVmas, type VmaCase, vectorBytes, vectorPath } from './vma.js';

export { type ContentRecipe, makeFilesOfManySizes, RecipeSource } from './content.js';
export { badPxars, type GoldenPxar, goldenPxars, type PxarCase, type PxarListing } from './pxar.js';
export { type GoldenTar, goldenTarBytes, goldenTars, type TreeFile } from './tar.js';
export { badVmaBytes, badVmas, craftedVmas, DECIDED, type GoldenVma, goldenVmas, REFUSED_WITH, vectorBytes, vectorPath, type Verdict, verdicts, type VmaCase } from './vma.js';

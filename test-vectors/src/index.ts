export { type ContentRecipe, RecipeSource } from './content.js';
export {
  badVmaBytes,
  badVmas,
  craftedVmas,
  type GoldenVma,
  goldenVmas,
  type VmaCase,
  vectorBytes,
  vectorPath,
} from './vma.js';

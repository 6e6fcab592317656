import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commands } from '../../src/program.js';

/** Of the working tree. */
export const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

export interface DocumentedCommand {
  /** As it is written, without what is said of it; continued lines are one. */
  readonly text: string;
  /** `README.md`, or the help of a command. */
  readonly places: readonly string[];
}

/** Chapters whose blocks are scripts with what they print, which are run as such. */
export const RECIPES = [
  ['formats/pxar/README.md', '### Patterns of what is left out'],
  ['formats/tar/README.md', "## Where the bytes differ from GNU tar's"],
] as const;

/** Every command of the documents and of the commands' help, once each. */
export function documentedCommands(): readonly DocumentedCommand[] {
  const places = new Map<string, string[]>();
  const add = (text: string, place: string) => {
    const known = places.get(text) ?? [];
    places.set(text, known.includes(place) ? known : [...known, place]);
  };
  for (const document of documents()) {
    for (const block of shellBlocksOf(document)) for (const text of commandsIn(block)) add(text, document);
  }
  for (const { name, examples } of commands) for (const text of examples) add(text, `${name} --help`);
  return [...places].map(([text, where]) => ({ text, places: where }));
}

/** All but those of what is installed. */
function documents(): readonly string[] {
  const folders = ['.', 'docs', 'examples', 'examples/pve'];
  for (const group of ['packages', 'formats', 'test-vectors']) {
    folders.push(...readdirSync(join(ROOT, group)).map((name) => join(group, name)));
  }
  const names = (folder: string) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'));
  return folders
    .filter((folder) => statSync(join(ROOT, folder)).isDirectory())
    .flatMap((folder) => names(folder).map((name) => join(folder, name)));
}

/** The text of a document's blocks of shell commands: of a chapter of recipes, or of all else. */
export function shellBlocksOf(document: string, heading?: string): readonly string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const chosen = heading === undefined ? withoutRecipes(document, text) : chapterOf(text, heading);
  return [...chosen.matchAll(/^ *```(?:sh|bash|shell|console)\n(.*?)^ *```$/gms)].map(([, block]) => block!);
}

function withoutRecipes(document: string, text: string): string {
  const recipe = RECIPES.find(([path]) => path === document);
  return recipe === undefined ? text : text.replace(chapterOf(text, recipe[1]), '');
}

/** @throws where there is none of that heading */
function chapterOf(text: string, heading: string): string {
  const [, behind] = text.split(`\n${heading}\n`);
  if (behind === undefined) throw new Error(`there is no chapter ${heading}`);
  return behind.split(/\n##+ /)[0]!;
}

function commandsIn(block: string): readonly string[] {
  const lines = block.replaceAll(/\\\n\s*/g, '').split('\n');
  return lines.map((line) => line.replace(/(^|\s+)# .*$/, '').trim()).filter((line) => line !== '');
}

/** What a TypeScript source says of other modules. */
export interface ModuleUses {
  /** Of `import`, `export … from`, `import()` and `require()`, when written as a literal. */
  readonly specifiers: readonly string[];
  readonly exportsDefault: boolean;
}

const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/.source;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*/.source;
/** A slash begins one only where no operand stands before it. */
const REGULAR_EXPRESSION =
  /(?<=(?:[(,=:[!&|?{};>]|\breturn)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/.source;

const FROM = /(?:import|export)\b[\w$*{}\s,]*?\bfrom\s*(?=['"])/.source;
const FOR_ITS_EFFECT = /import\s*(?=['"])/.source;
const CALL = /(?:import|require)\s*\(\s*(?=['"`])/.source;
const DEFAULT = /export\s+default\b|export\s*\{[^}]*\bas\s+default\b[^}]*\}/.source;

const TO_STRIP = new RegExp(`(?<string>${STRING})|${COMMENT}|${REGULAR_EXPRESSION}`, 'g');
const USE = new RegExp(
  `(?<![.\\w$])(?:(?<default>${DEFAULT})|(?:${FROM}|${FOR_ITS_EFFECT}|${CALL})(?<specifier>${STRING}))|${STRING}`,
  'g',
);

export function findModuleUses(source: string): ModuleUses {
  const code = source.replace(TO_STRIP, (match, string) => (string === undefined ? ' ' : match));
  const uses = [...code.matchAll(USE)].map(({ groups }) => groups ?? {});
  return {
    specifiers: uses.flatMap(({ specifier }) => (specifier === undefined ? [] : [specifier.slice(1, -1)])),
    exportsDefault: uses.some((use) => use.default !== undefined),
  };
}

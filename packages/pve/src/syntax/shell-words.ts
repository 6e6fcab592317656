/**
 * Splits a line into words at blanks, as a shell does: a backslash takes the next character as it is, as it
 * does between double quotes; between single quotes nothing is special, though a quote after a backslash does
 * not end them. `undefined` when a quote is not closed.
 */
export function splitShellWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (character === '\\' && at + 1 < line.length) {
      word = (word ?? '') + (quote === "'" ? character : '') + line[++at];
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (!/\s/.test(character)) {
      word = (word ?? '') + character;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (quote !== '') return undefined;
  return word === undefined ? words : [...words, word];
}

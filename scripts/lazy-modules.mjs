/**
 * Node's modules that are slow to load, and that most commands have no use for: together they take as long as
 * Node does.
 */
const SLOW = [
  ...['child_process', 'crypto', 'fs/promises', 'net', 'stream', 'stream/promises'],
  ...['timers/promises', 'tty', 'worker_threads', 'zlib'],
];

/** A plugin for the bundler: has those loaded where they are first used, instead of at the start. */
export const loadModulesWhenUsed = {
  name: 'load-modules-when-used',

  /** Of commander, which runs other programs if it is asked to. */
  transform(code, id) {
    if (!id.endsWith('/commander/lib/command.js')) return undefined;
    const declaration = "const childProcess = require('node:child_process');";
    if (!code.includes(declaration)) throw new Error(`${id} has changed: it is to load child_process lazily`);
    return code.replace(
      declaration,
      "const childProcess = { get spawn() { return require('node:child_process').spawn; } };",
    );
  },

  renderChunk(code) {
    let lazy = code;
    for (const name of SLOW) {
      const declaration = new RegExp(`^let (\\w+) = require\\("node:${name}"\\);$`, 'm');
      const variable = declaration.exec(lazy)?.[1];
      if (variable === undefined) continue;
      lazy = lazy
        .replaceAll(new RegExp(`\\b${variable}\\.`, 'g'), `${variable}.exports.`)
        .replace(declaration, `const ${variable} = { get exports() { return require("node:${name}"); } };`);
    }
    return lazy.replaceAll(/\bimport\(("[^"]+")\)/g, '(async () => ({ default: require($1) }))()');
  },
};

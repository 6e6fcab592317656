/** The commands that are used most: each has a bundle of its own, half as large as that of all. */
export const MAIN_COMMANDS = ['pack', 'list', 'verify', 'unpack', 'dump'];

/** A plugin for the bundler: of the commands, only this is there. */
export const onlyCommand = (name) => ({
  name: 'only-command',

  load(id) {
    if (!id.endsWith('/cli/dist/commands/index.js')) return undefined;
    return `import { ${name} } from './${name}.js';\nexport const commands = [${name}];`;
  },
});

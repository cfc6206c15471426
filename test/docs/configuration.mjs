/** Writes docs/configuration.md anew from the table of options; a test fails where the page is another. */
import { writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const { outputFiles } = await build({
  stdin: {
    contents: `export { optionsPage } from './src/config/options-page.ts';
      export { GATEWAY_COMMAND_OPTIONS } from './src/config/gateway-options.ts';`,
    resolveDir: process.cwd(),
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const { optionsPage, GATEWAY_COMMAND_OPTIONS } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
);
writeFileSync('docs/configuration.md', optionsPage(GATEWAY_COMMAND_OPTIONS));

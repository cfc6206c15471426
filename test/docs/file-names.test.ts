import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { listDocs, readDoc } from '../parts/markdown.ts';

const files = ['src', 'test', 'bin'].flatMap((folder) =>
  readdirSync(fileURLToPath(new URL(`../../${folder}`, import.meta.url)), { recursive: true, encoding: 'utf8' }).map(
    (path) => `/${folder}/${path.replaceAll('\\', '/')}`,
  ),
);

it.each(listDocs())('the source files that docs/%s names are there', (name) => {
  const named = [...readDoc(name).matchAll(/(?<![\w/.-])(?:\.\.\/)?(\w[\w/.-]*\.(?:ts|mjs|py))\b/g)].map(
    ([, path]) => path!,
  );
  expect(named.filter((path) => !files.some((file) => file.endsWith(`/${path}`)))).toEqual([]);
});

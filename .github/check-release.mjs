/** What must agree before a version is published: node .github/check-release.mjs v1.2.3 [folder] */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [tag, folder = '.'] = process.argv.slice(2);
const { version, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const changelog = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8');

const problems = [];
if (tag !== `v${version}`) problems.push(`the tag is ${tag}, and package.json says ${version}`);
if (!changelog.split('\n').some((line) => line.startsWith(`## [${version}] - `))) {
  problems.push(`CHANGELOG.md has no "## [${version}] - <date>"`);
}
if (repository === undefined) problems.push('package.json names no repository, which provenance is checked against');
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

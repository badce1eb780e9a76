// Bundles the page: node build.mjs --work FOLDER, where FOLDER has node_modules and, in schema/, what flatc made of
// schemas/console/live.fbs.  The files go to FOLDER/dist.
import {cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

const {values} = parseArgs({options: {work: {type: 'string'}}});
if (!values.work) throw new Error('build.mjs needs --work FOLDER');
const here = dirname(fileURLToPath(import.meta.url));
const work = resolve(values.work);
const out = join(work, 'dist');
const {build} = createRequire(join(work, 'package.json'))('esbuild');

mkdirSync(out, {recursive: true});
const result = await build({
  entryPoints: [join(here, 'src/main.ts')],
  outfile: join(out, 'console.js'),
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome100', 'firefox102', 'safari15.4'],
  nodePaths: [join(work, 'node_modules')],
  alias: {'live-schema': join(work, 'schema/starling/live')},
  define: {'process.env.NODE_ENV': '"production"'},
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning'
});
await build({
  entryPoints: [join(here, 'src/console.css')],
  outfile: join(out, 'console.css'),
  minify: true,
  logLevel: 'warning'
});
for (const file of ['index.html', 'icon.svg']) cpSync(join(here, 'src', file), join(out, file));

// The licence of every package of which something is in the bundle.
const packages = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input.slice(input.lastIndexOf('node_modules/')));
  if (found) packages.add(found[1]);
}
let text = 'The console holds code of these packages of npm, under their own licences.\n';
for (const name of [...packages].sort()) {
  const folder = join(work, 'node_modules', name);
  if (!existsSync(folder)) continue;
  const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  text += `\n---- ${name} ${about.version} (${about.license ?? 'licence not named'})\n`;
  const licence = readdirSync(folder).find(file => /^(licen[cs]e|copying)/i.test(file));
  if (licence) text += `\n${readFileSync(join(folder, licence), 'utf8').trim()}\n`;
}
writeFileSync(join(out, 'licences.txt'), text);

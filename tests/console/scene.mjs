// A folder of its own with a fleet's certificates, an orchestrator, a simulated fleet, and a browser that looks.
import {spawn, spawnSync} from 'node:child_process';
import {closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';

export const pause = ms => new Promise(done => setTimeout(done, ms));

// Asks again and again; what is still not so after `seconds` is an error that says so.
export async function eventually(what, seconds, ask) {
  const end = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}${last instanceof Error ? ` (${last.message})` : ''}`);
    await pause(100);
  }
}

export class Scene {
  // `bin`: the programs; `web`: a folder whose node_modules has playwright-core.
  constructor(bin, web) {
    this.bin = resolve(bin);
    this.web = resolve(web);
    this.folder = mkdtempSync(join(tmpdir(), 'starling-console-'));
    this.children = [];
    this.listen = 0;
    this.http = 0;
    process.on('exit', () => this.killAll());
  }

  path(name) { return join(this.folder, name); }
  get url() { return `http://127.0.0.1:${this.http}/`; }

  run(program, ...args) {
    const done = spawnSync(join(this.bin, program), args, {encoding: 'utf8'});
    if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.error ?? done.stderr}`);
  }

  start(program, log, args) {
    const out = openSync(this.path(log), 'a');
    const child = spawn(join(this.bin, program), args, {stdio: ['ignore', out, out]});
    closeSync(out);
    child.ended = new Promise(done => child.on('exit', (code, signal) => { child.over = true; done(code ?? signal); }));
    child.on('error', () => { child.over = true; });
    this.children.push(child);
    return child;
  }

  makeFleet(vehicles, seed = 1) {
    this.vehicles = vehicles;
    this.seed = seed;
    this.run('starling', 'init', this.path('certs'), '--vehicles', String(vehicles));
    this.run('starling-sim', 'map', '--vehicles', String(vehicles), '--seed', String(seed), '--out', this.path('streets.geojson'));
    writeFileSync(this.path('cloud.json'), JSON.stringify({gateway: {connections_max: Math.ceil(vehicles * 1.1) + 100}}));
  }

  // On the ports that it had before.
  async startCloud(patienceS = 60) {
    rmSync(this.path('ports.json'), {force: true});
    this.cloud = this.start('starling-cloud', 'cloud.log', [
      '--certs', this.path('certs'), '--data', this.path('data'), '--config', this.path('cloud.json'),
      '--map', this.path('streets.geojson'), '--listen', `127.0.0.1:${this.listen}`, '--http', `127.0.0.1:${this.http}`,
      '--port-file', this.path('ports.json')
    ]);
    await eventually('the orchestrator is up', patienceS, () => {
      if (this.cloud.over) throw new Error(`it has ended: ${this.log('cloud.log')}`);
      return existsSync(this.path('ports.json'));
    });
    const ports = JSON.parse(readFileSync(this.path('ports.json'), 'utf8'));
    this.listen = ports.listen;
    this.http = ports.http;
    this.pid = ports.pid;
  }

  startFleet(seconds, ...more) {
    this.fleet = this.start('starling-sim', 'sim.log', [
      '--connect', `127.0.0.1:${this.listen}`, '--http', `127.0.0.1:${this.http}`, '--certs', this.path('certs'),
      '--vehicles', String(this.vehicles), '--seconds', String(seconds), '--seed', String(this.seed), '--headless', ...more
    ]);
  }

  async stats() {
    const answer = await fetch(`${this.url}v1/stats`);
    return answer.json();
  }

  async allConnected(seconds) {
    await eventually(`${this.vehicles} vehicles are connected`, seconds, async () => {
      if (this.fleet.over) throw new Error(`the fleet has ended: ${this.log('sim.log')}`);
      return (await this.stats()).gateway.connections >= this.vehicles;
    });
  }

  async openBrowser() {
    const {chromium} = createRequire(join(this.web, 'package.json'))('playwright-core');
    const executablePath = process.env.STARLING_CHROMIUM ??
        ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
    if (!executablePath) throw new Error('no Chromium: apt-get install chromium, or STARLING_CHROMIUM=FILE');
    this.browser = await chromium.launch({
      executablePath, args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist']
    });
    return this.browser;
  }

  log(name) {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8').split('\n').slice(-12).join('\n') : '';
  }

  killAll() {
    for (const child of this.children) if (!child.over) child.kill('SIGKILL');
  }

  async close() {
    await this.browser?.close().catch(() => {});
    this.killAll();
    await Promise.all(this.children.map(child => Promise.race([child.ended, pause(5000)])));
    rmSync(this.folder, {recursive: true, force: true});
  }
}

#!/usr/bin/env node
// What the console costs, with a fleet and a real Chromium: script time of the page for each frame, bytes, memory, and the
// orchestrator's processor without a viewer, with that one, and with --viewers more that only take frames.
//   node bench/console/viewer.mjs --bin build/release/bin --web FOLDER [--vehicles 10000] [--seconds 60] [--viewers 9] [--out FILE]
// FOLDER has cloud/console/web's node_modules.  Script time is given twice: by the clock, and in processor time of the page's
// main thread from Chromium's trace, which does not grow when the machine has other things to do.
import {cpus} from 'node:os';
import {readFileSync, writeFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {Scene, eventually, pause} from '../../tests/console/scene.mjs';

const {values} = parseArgs({options: {
  bin: {type: 'string'}, web: {type: 'string'}, vehicles: {type: 'string', default: '10000'},
  seconds: {type: 'string', default: '60'}, viewers: {type: 'string', default: '9'}, out: {type: 'string'}
}});
if (!values.bin || !values.web) throw new Error('--bin and --web are needed');
const vehicles = Number(values.vehicles);
const seconds = Number(values.seconds);
const scene = new Scene(values.bin, values.web);

// Of one process, all its threads: seconds.
const cpuOf = pid => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

async function orchestratorOver(span) {
  const before = cpuOf(scene.pid);
  const at = Date.now();
  await pause(span * 1000);
  return (cpuOf(scene.pid) - before) / ((Date.now() - at) / 1000);
}

const quantile = (sorted, share) => sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : NaN;

// Tasks that ran a frame's script, in processor time.
async function traced(page, span) {
  const client = await page.context().newCDPSession(page);
  const events = [];
  client.on('Tracing.dataCollected', ({value}) => {
    for (const event of value) if (event.name === 'FireAnimationFrame' || event.name === 'FunctionCall' || event.name === 'thread_name') events.push(event);
  });
  await client.send('Tracing.start', {transferMode: 'ReportEvents', traceConfig: {includedCategories: ['devtools.timeline', '__metadata'], excludedCategories: ['*']}});
  await pause(span * 1000);
  const done = new Promise(resolve => client.once('Tracing.tracingComplete', resolve));
  await client.send('Tracing.end');
  await done;
  const main = new Set(events.filter(event => event.name === 'thread_name' && event.args?.name === 'CrRendererMain').map(event => `${event.pid} ${event.tid}`));
  const sorted = events.filter(event => event.name === 'FireAnimationFrame' && event.ph === 'X' && main.has(`${event.pid} ${event.tid}`))
    .map(event => (event.tdur ?? 0) / 1000).filter(ms => ms > 0.15).sort((a, b) => a - b);
  return {frames: sorted.length, p50_ms: quantile(sorted, 0.5), p99_ms: quantile(sorted, 0.99)};
}

// Takes frames and shows nothing: of a viewer what the orchestrator notices.
async function quietViewer(context, view) {
  const page = await context.newPage();
  await page.goto(`${scene.url}healthz`);
  await page.evaluate(async bytes => {
    window.taken = 0;
    const socket = new WebSocket(`ws://${location.host}/v1/live`, 'starling.live.1');
    socket.binaryType = 'arraybuffer';
    socket.onmessage = event => { window.taken += event.data.byteLength; };
    await new Promise(open => { socket.onopen = open; });
    socket.send(new Uint8Array(bytes));
  }, view);
  return page;
}

try {
  scene.makeFleet(vehicles);
  await scene.startCloud();
  scene.startFleet(seconds * 5 + 300);
  await scene.allConnected(400);
  await pause(5000);
  const result = {vehicles, seconds, processors: cpus().length, processor: cpus()[0]?.model, load_at_begin: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0])};
  result.orchestrator_cores_without_viewer = await orchestratorOver(seconds);

  const browser = await scene.openBrowser();
  const context = await browser.newContext({viewport: {width: 1440, height: 900}});
  const page = await context.newPage();
  let sent = null;
  page.on('websocket', socket => socket.on('framesent', frame => { if (typeof frame.payload !== 'string') sent = frame.payload; }));
  await page.goto(scene.url);
  await eventually('all vehicles are in view', 120, () => page.evaluate(wanted => window.starling.account().vehicles >= wanted, vehicles));
  await pause(5000);
  await page.evaluate(() => window.starling.clearAccount());
  const before = await page.evaluate(() => window.starling.account());
  const heap = () => page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  const heapBefore = await heap();
  result.orchestrator_cores_with_one = await orchestratorOver(seconds);
  const after = await page.evaluate(() => window.starling.account());
  result.page = {
    vehicles: after.vehicles, frames_per_s: after.frames / seconds, script_wall_p50_ms: after.p50Ms, script_wall_p99_ms: after.p99Ms,
    kB_per_s: (after.bytes - before.bytes) / seconds / 1000, told_per_s: (after.told - before.told) / seconds,
    feed_frames_per_s: (after.feedFrames - before.feedFrames) / seconds, heap_MB_before: heapBefore / 1e6, heap_MB: (await heap()) / 1e6,
    past_MB: after.pastBytes / 1e6, past_moments: after.pastMoments
  };
  result.page.script_cpu = await traced(page, Math.min(seconds, 20));
  const others = Number(values.viewers);
  if (others > 0 && sent) {
    await page.goto('about:blank');
    for (let i = 0; i <= others; ++i) await quietViewer(context, [...sent]);
    await pause(3000);
    result.orchestrator_cores_with_more = await orchestratorOver(seconds);
    result.more = others + 1;
    result.cores_for_each_viewer = (result.orchestrator_cores_with_more - result.orchestrator_cores_without_viewer) / result.more;
  }
  result.load_at_end = Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
  console.log(JSON.stringify(result, null, 2));
  if (values.out) writeFileSync(values.out, JSON.stringify(result, null, 2) + '\n');
} finally {
  await scene.close();
}
process.exit(0);

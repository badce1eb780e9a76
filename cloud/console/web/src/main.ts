// The console: a live map of the fleet, in the browser.
import {el, fill, find, fixed, whole} from './dom';
import {Feed} from './feed';
import {Fleet} from './fleet';
import {fillHelp} from './help';
import {MapView, type Scene} from './map';
import {Model} from './model';
import {Panel, type Seen, type Tab} from './panel';
import {Past} from './past';
import {Streets} from './streets';
import {kDark, kLight, type Theme} from './theme';
import {TimeBar} from './timebar';
import {intentOf, kmh} from './words';

const kDrawEveryMs = 33;
const kStillDrawEveryMs = 250;   // for who wants less motion
const kPanelEveryMs = 250;
const kPickPixels = 16;
const kMeasured = 4_096;

const model = new Model();
const past = new Past(model);
const fleet = new Fleet(model);
const streets = new Streets();
const canvas = find<HTMLCanvasElement>('canvas');

let selected = '';
let following = false;
let fitted = false;
let panelDue = true;
let panelAtMs = -Infinity;
let drawnAtMs = -Infinity;
let tickedAtMs = performance.now();

// ---------------------------------------------------------------- light and dark

const prefersLight = window.matchMedia('(prefers-color-scheme: light)');
let chosenTheme = localStorage.getItem('starling.theme');
function theme(): Theme {
  return (chosenTheme ? chosenTheme === 'light' : prefersLight.matches) ? kLight : kDark;
}
function applyTheme(): void {
  document.documentElement.dataset.theme = theme().name;
  map?.setTheme(theme());
  timeBar?.redraw();
  panelDue = true;
}
function toggleTheme(): void {
  chosenTheme = theme().name === 'light' ? 'dark' : 'light';
  localStorage.setItem('starling.theme', chosenTheme);
  applyTheme();
}

// ---------------------------------------------------------------- what is drawn

let positions: Float32Array = new Float32Array(2048);
let headings: Float32Array = new Float32Array(1024);
let states: Float32Array = new Float32Array(1024);
let statesVersion = -1;
let shownPast: unknown = null;
let pastVersion = 1e9;           // of looks, apart from the model's own

const scene: Scene = {
  count: 0, positions, headings, states, looksVersion: 0, conflicts: [], cells: [], cellsVersion: 0,
  conflictsVersion: 0, selected: -1, selectedPath: null, trail: null
};

function reserve(count: number): void {
  if (states.length >= count) return;
  const room = Math.max(count, 2 * states.length);
  positions = new Float32Array(2 * room);
  headings = new Float32Array(room);
  states = new Float32Array(room);
  statesVersion = -1;
  shownPast = null;
}

function lookAtNow(nowMs: number): void {
  reserve(model.handles);
  model.predict(nowMs, positions, headings);
  if (statesVersion !== model.lookVersion || shownPast) {
    statesVersion = model.lookVersion;
    shownPast = null;
    for (let i = 0; i < model.handles; ++i) states[i] = model.state[i];
  }
  scene.count = model.handles;
  scene.looksVersion = model.lookVersion;
  if (scene.conflictsVersion !== model.conflictsVersion) scene.conflicts = [...model.conflicts.values()];
  scene.conflictsVersion = model.conflictsVersion;
  if (scene.cellsVersion !== model.cellsVersion) scene.cells = [...model.cells.values()];
  scene.cellsVersion = model.cellsVersion;
  scene.selected = selected ? model.handleOf.get(selected) ?? -1 : -1;
  scene.selectedPath = scene.selected >= 0 ? model.selectedPath : null;
}

function lookAtPast(atMs: number): void {
  const found = past.around(atMs);
  if (!found) return lookAtNow(atMs);
  const {before} = found;
  reserve(before.count);
  scene.count = past.show(atMs, positions, headings, states);
  if (shownPast !== before) {
    shownPast = before;
    scene.looksVersion = ++pastVersion;
    scene.conflicts = before.conflicts;
    scene.conflictsVersion = pastVersion;
    if (scene.cells !== before.cells) scene.cellsVersion = pastVersion;
    scene.cells = before.cells;
  }
  const id = selected ? past.id(selected) : 0;
  scene.selected = id ? before.ids.indexOf(id) : -1;
  scene.selectedPath = null;
}

function look(): number {
  const atMs = timeBar.live ? feed.nowMs() : timeBar.atMs;
  if (timeBar.live) lookAtNow(atMs); else lookAtPast(atMs);
  scene.positions = positions;
  scene.headings = headings;
  scene.states = states;
  return atMs;
}

let trailAtMs = -Infinity;
function trail(atMs: number): void {
  if (!selected) {
    scene.trail = null;
    return;
  }
  if (performance.now() - trailAtMs > 500) {
    trailAtMs = performance.now();
    const points = past.trail(selected, atMs, 60_000);
    const path = new Float32Array(2 * points.length);
    points.forEach((point, i) => path.set([point.x, point.y], 2 * i));
    scene.trail = path;
  }
}

function nameAt(handle: number): string {
  if (timeBar.live) return model.names[handle] ?? '';
  const found = past.around(timeBar.atMs);
  return found ? past.name(found.before.ids[handle]) : '';
}

function seen(): Seen | null {
  const at = scene.selected;
  if (at < 0) return null;
  const speed = timeBar.live ? model.speed[at] : (past.around(timeBar.atMs)?.before.speeds[at] ?? 0) / 4;
  return {x: positions[2 * at], y: positions[2 * at + 1], speed, heading: headings[at], state: states[at]};
}

// ---------------------------------------------------------------- parts

const feed = new Feed(model, () => {
  fleet.take();
  if (!fitted && model.box && model.handles + model.fleet > 0 && map.width > 0) fit();
  drawLink();
  panelDue = true;
});
const timeBar = new TimeBar(past, () => { panelDue = true; drawnAtMs = -Infinity; });
const map = new MapView(find('map'), canvas, streets, theme(), () => {
  tellView();
  drawScale();
  drawnAtMs = -Infinity;
}, reason => say('The map cannot be drawn', `${reason}. It needs WebGL 2.`));
const panel = new Panel(model, fleet, past, {
  select: name => select(name),
  goTo: (x, y) => map.moveTo(x, y, Math.max(map.zoom, 1)),
  follow: () => follow(!following),
  changed: () => { panelDue = true; }
});

function tellView(): void {
  if (map.width > 0) feed.show(map.box(), selected);
}

function insets(): {left: number; right: number; top: number; bottom: number} {
  return {left: 20, right: 20, top: 20, bottom: 20};
}

function fit(): void {
  const box = model.box ?? streets.box;
  if (!box) return;
  fitted = true;
  follow(false);
  map.fit([box[0] - 60, box[1] - 60, box[2] + 60, box[3] + 60], insets());
}

function select(name: string): void {
  if (selected === name) return;
  selected = name;
  if (!name) following = false;
  trailAtMs = -Infinity;
  scene.trail = null;
  if (name) panel.open('vehicle');
  tellView();
  drawnAtMs = -Infinity;
  panelDue = true;
}

function follow(on: boolean): void {
  following = on && selected !== '';
  panelDue = true;
}

function say(title: string, what: string): void {
  const banner = find('banner');
  fill(banner, el('b', {}, title), ` – ${what}`);
  banner.hidden = false;
}

// ---------------------------------------------------------------- words above the map

function drawLink(): void {
  const link = find('link');
  const words = link.querySelector('.words')!;
  const set = (state: string, text: string) => {
    link.dataset.state = state;
    if (words.textContent !== text) words.textContent = text;
  };
  const banner = find('banner');
  if (feed.state === 'lost') {
    const lost = Math.max(0, Math.round((performance.now() - feed.lostSinceMs) / 1000));
    const next = Math.max(0, Math.ceil((feed.retryAtMs - performance.now()) / 1000));
    set('lost', 'connection lost');
    fill(banner, el('b', {}, 'The orchestrator does not answer'),
      ` \u2013 the map shows where vehicles were ${lost} s ago. ${next > 0 ? `Trying again in ${next} s.` : 'Trying\u2026'}`,
      el('button', {class: 'small', click: () => feed.retryNow()}, 'Try now'));
    banner.hidden = false;
    return;
  }
  if (feed.state === 'stale') {
    set('stale', 'no news');
    fill(banner, el('b', {}, 'No new picture'), ` \u2013 ${model.status || 'nothing has come for some seconds'}.`);
    banner.hidden = false;
    return;
  }
  if (map.ready) banner.hidden = true;
  if (!timeBar.live) set('past', 'showing the past');
  else if (feed.state === 'live') set('live', 'live');
  else set('connecting', 'connecting');
}

function drawHeadline(): void {
  const entry = (name: string, value: string) => el('div', {}, el('dt', {}, name), el('dd', {}, value));
  const shown = model.oneOf > 1 ? `, 1 of ${model.oneOf} drawn` : '';
  fill(find('headline'),
    entry('vehicles', whole(model.fleet)),
    entry(`in view${shown}`, whole(model.inView)),
    entry('open conflicts', whole(scene.conflicts.length)),
    entry('sample to command, p99', model.decisions ? `${fixed(model.decisionP99Us / 1000, 1)} ms` : '–'),
    entry('samples a second', whole(fleet.rate('ledger.samples'))),
    entry('commands in force', whole(commands().filter(command => command.state !== 'over').length)));
}

function drawScale(): void {
  const most = 120 * map.metresPerPixel;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map(by => by * power).find(length => length <= most) ?? power;
  const bar = find('scale').firstElementChild as HTMLElement;
  bar.style.width = `${metres / map.metresPerPixel}px`;
  bar.textContent = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
}

function drawTag(): void {
  const tag = find('tag');
  const at = scene.selected;
  tag.hidden = at < 0;
  if (at < 0) return;
  const [x, y] = map.toScreen(positions[2 * at], positions[2 * at + 1]);
  if (tag.textContent !== selected) tag.textContent = selected;
  tag.style.transform = `translate(${Math.round(x + 18)}px, ${Math.round(y - 12)}px)`;
}

const commands = () => (timeBar.live ? [...model.commands.values()] : past.around(timeBar.atMs)?.before.commands ?? []);

function drawPanel(atMs: number): void {
  panel.draw({nowMs: atMs, live: timeBar.live, conflicts: scene.conflicts, commands: commands(), selected, following,
              seen: seen()});
  drawHeadline();
  drawLink();
}

// ---------------------------------------------------------------- the loop, and what it costs

const scriptMs = new Float32Array(kMeasured);
let measured = 0;
const still = window.matchMedia('(prefers-reduced-motion: reduce)');

function frame(): void {
  requestAnimationFrame(frame);
  const began = performance.now();
  const every = still.matches ? kStillDrawEveryMs : kDrawEveryMs;
  if (began - drawnAtMs < every - 4 || document.hidden) return;
  timeBar.advance(began - tickedAtMs);
  tickedAtMs = drawnAtMs = began;
  const atMs = look();
  if (timeBar.live && feed.state === 'live') past.record(atMs, positions, headings);
  trail(atMs);
  if (following && scene.selected >= 0) {
    const x = positions[2 * scene.selected], y = positions[2 * scene.selected + 1];
    if (Math.abs(x - map.target[0]) + Math.abs(y - map.target[1]) > map.metresPerPixel) map.moveTo(x, y);
  }
  map.draw(scene);
  drawTag();
  timeBar.draw(timeBar.live ? feed.nowMs() : atMs);
  if (panelDue && began - panelAtMs > kPanelEveryMs) {
    panelDue = false;
    panelAtMs = began;
    drawPanel(atMs);
  }
  // All of the page's own work since the last frame.
  scriptMs[measured++ % kMeasured] = performance.now() - began + feed.applyMs;
  feed.applyMs = 0;
}

// ---------------------------------------------------------------- pointer and keys

function nearest(x: number, y: number, within: number): number {
  const [worldX, worldY] = map.toWorld(x, y);
  let best = -1, bestSquared = (within * map.metresPerPixel) ** 2;
  for (let i = 0; i < scene.count; ++i) {
    const squared = (positions[2 * i] - worldX) ** 2 + (positions[2 * i + 1] - worldY) ** 2;
    if (squared < bestSquared) {
      best = i;
      bestSquared = squared;
    }
  }
  return best;
}

let pressed: {x: number; y: number} | null = null;
canvas.addEventListener('pointerdown', event => { pressed = {x: event.offsetX, y: event.offsetY}; });
canvas.addEventListener('pointermove', event => {
  if (pressed && Math.hypot(event.offsetX - pressed.x, event.offsetY - pressed.y) > 6) following = false;
  const tip = find('tip');
  const at = event.pointerType === 'mouse' && !event.buttons ? nearest(event.offsetX, event.offsetY, kPickPixels) : -1;
  tip.hidden = at < 0 || at === scene.selected;
  canvas.style.cursor = at < 0 ? '' : 'pointer';
  if (tip.hidden) return;
  const speed = timeBar.live ? `, ${kmh(model.speed[at])}` : '';
  tip.textContent = `${nameAt(at)} \u2013 ${intentOf(states[at])}${speed}`;
  tip.style.transform = `translate(${event.offsetX + 16}px, ${event.offsetY + 12}px)`;
});
canvas.addEventListener('pointerleave', () => { find('tip').hidden = true; });
canvas.addEventListener('pointerup', event => {
  const still = pressed && Math.hypot(event.offsetX - pressed.x, event.offsetY - pressed.y) <= 6;
  pressed = null;
  if (!still || event.button !== 0) return;
  const at = nearest(event.offsetX, event.offsetY, event.pointerType === 'touch' ? 2 * kPickPixels : kPickPixels);
  if (at >= 0) select(nameAt(at));
});

// From west to east, and within the view.
function step(by: number): void {
  const box = map.box();
  const inView: number[] = [];
  for (let i = 0; i < scene.count; ++i) {
    const x = positions[2 * i], y = positions[2 * i + 1];
    if (x >= box.west && x <= box.east && y >= box.south && y <= box.north) inView.push(i);
  }
  if (!inView.length) return;
  inView.sort((a, b) => (nameAt(a) < nameAt(b) ? -1 : 1));
  const at = inView.indexOf(scene.selected);
  select(nameAt(inView[at < 0 ? (by > 0 ? 0 : inView.length - 1) : (at + by + inView.length) % inView.length]));
}

let conflictAt = '';
function stepConflict(by: number): void {
  const list = [...scene.conflicts].sort((a, b) => a.contactMs - b.contactMs);
  if (!list.length) return;
  const at = list.findIndex(conflict => conflict.episode === conflictAt);
  const next = list[at < 0 ? 0 : (at + by + list.length) % list.length];
  conflictAt = next.episode;
  panel.open('conflicts');
  map.moveTo(next.x, next.y, Math.max(map.zoom, 1.5));
}

const help = find<HTMLDialogElement>('help');
fillHelp(help);
const heat = find('heat');
function toggleHeat(): void {
  map.showHeat = !map.showHeat;
  heat.setAttribute('aria-pressed', String(map.showHeat));
  drawnAtMs = -Infinity;
}

const kPan = 90;
const keys: Record<string, (event: KeyboardEvent) => void> = {
  ArrowLeft: () => { follow(false); map.panBy(-kPan, 0); }, ArrowRight: () => { follow(false); map.panBy(kPan, 0); },
  ArrowUp: () => { follow(false); map.panBy(0, -kPan); }, ArrowDown: () => { follow(false); map.panBy(0, kPan); },
  '+': () => map.zoomBy(0.5), '=': () => map.zoomBy(0.5), '-': () => map.zoomBy(-0.5), '0': () => fit(),
  n: () => step(1), N: () => step(-1), c: () => stepConflict(1), C: () => stepConflict(-1), f: () => follow(!following),
  h: toggleHeat, t: toggleTheme, l: () => timeBar.goLive(), ' ': () => timeBar.toggle(), ',': () => timeBar.step(-1),
  '.': () => timeBar.step(1), '/': () => find('find-name').focus(), '?': () => help.showModal(),
  Escape: () => select(''), '1': () => panel.open('fleet'), '2': () => panel.open('conflicts'),
  '3': () => panel.open('commands'), '4': () => panel.open('vehicle')
};
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const at = event.target as HTMLElement;
  if (at instanceof HTMLInputElement && at.type === 'search') return;
  const arrows = event.key.startsWith('Arrow');
  // What has the focus has its own use for these.
  if (arrows && (at instanceof HTMLInputElement || at.getAttribute('role') === 'tab')) return;
  if (arrows && at.closest('.panel-body')) return;
  if (event.key === ' ' && at instanceof HTMLButtonElement) return;
  const action = keys[event.key] ?? keys[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action(event);
});

find('zoom-in').addEventListener('click', () => map.zoomBy(0.7));
find('zoom-out').addEventListener('click', () => map.zoomBy(-0.7));
find('fit').addEventListener('click', () => fit());
heat.addEventListener('click', toggleHeat);
find('theme').addEventListener('click', toggleTheme);
find('help-open').addEventListener('click', () => help.showModal());
prefersLight.addEventListener('change', applyTheme);

const findName = find<HTMLInputElement>('find-name');
findName.addEventListener('input', () => findName.removeAttribute('aria-invalid'));
findName.addEventListener('keydown', event => { if (event.key === 'Escape') canvas.focus(); });
find<HTMLFormElement>('find').addEventListener('submit', async event => {
  event.preventDefault();
  const name = findName.value.trim();
  if (!name) return;
  const response = await fetch(`/v1/vehicles/${encodeURIComponent(name)}`).catch(() => null);
  const found = response?.ok ? await response.json() : null;
  if (!found) {
    findName.setAttribute('aria-invalid', 'true');
    findName.title = 'no such vehicle';
    return;
  }
  timeBar.goLive();
  select(name);
  if (found.known) map.moveTo(found.x_m, found.y_m, Math.max(map.zoom, 1));
  findName.value = '';
  findName.blur();
});

applyTheme();
drawScale();
streets.load().then(() => {
  map.streetsChanged();
  if (!fitted) {
    fit();
    fitted = false;
  }
}).catch(() => { /* A map without streets. */ });
window.setInterval(() => { panelDue = true; }, 500);
requestAnimationFrame(frame);

// For tests and measurements: the page's own account of what it does.
declare global {
  interface Window { starling: unknown; }
}
window.starling = {
  open: (tab: Tab) => panel.open(tab),
  view: () => ({target: map.target, zoom: map.zoom}),
  screenOf: (name: string) => {
    const at = model.handleOf.get(name);
    return at === undefined ? null : map.toScreen(positions[2 * at], positions[2 * at + 1]);
  },
  account: () => {
    const count = Math.min(measured, kMeasured);
    const sorted = [...scriptMs.slice(0, count)].sort((a, b) => a - b);
    const quantile = (share: number) => sorted[Math.min(count - 1, Math.floor(share * count))] ?? 0;
    return {
      frames: measured, p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs: quantile(1), vehicles: model.handleOf.size,
      bytes: model.bytes, feedFrames: model.frames, told: model.told, pastBytes: past.memory, pastMoments: past.moments.length
    };
  },
  clearAccount: () => { measured = 0; }
};

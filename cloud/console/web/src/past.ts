// The last ten minutes of what was in view, for the time bar and the trail of a vehicle: one picture each second, in a
// bounded memory.
import type {Command, Conflict, HeatCell, Model} from './model';

export interface Moment {
  readonly atMs: number;
  readonly count: number;
  readonly ids: Uint32Array;     // by handle; 0: free.  Shared by moments in which nobody came or went
  readonly west: number;
  readonly south: number;
  readonly unit: number;         // m
  readonly places: Uint16Array;  // x, y in units
  readonly headings: Uint8Array; // 256 is a turn
  readonly speeds: Uint8Array;   // 0.25 m/s
  readonly states: Uint16Array;
  readonly conflicts: readonly Conflict[];
  readonly commands: readonly Command[];
  readonly cells: readonly HeatCell[];
  readonly bytes: number;
}

export const kPastMs = 10 * 60_000;
const kEveryMs = 1_000;
const kCellsEveryMs = 5_000;
const kBytesMax = 128 << 20;

export class Past {
  readonly moments: Moment[] = [];
  private bytes = 0;
  private ids = new Uint32Array(0);
  private idsVersion = -1;
  private readonly idOf = new Map<string, number>();
  private readonly nameOf: string[] = [''];
  private cells: HeatCell[] = [];
  private cellsAtMs = 0;

  constructor(private readonly model: Model) {}

  get firstMs(): number { return this.moments.length ? this.moments[0].atMs : 0; }
  get lastMs(): number { return this.moments.length ? this.moments[this.moments.length - 1].atMs : 0; }
  get memory(): number { return this.bytes; }

  name(id: number): string { return this.nameOf[id] ?? ''; }
  id(name: string): number { return this.idOf.get(name) ?? 0; }

  record(nowMs: number, positions: Float32Array, headings: Float32Array): void {
    if (this.moments.length && nowMs - this.lastMs < kEveryMs) return;
    const {model} = this;
    const count = model.handles;
    if (this.idsVersion !== model.lookVersion) this.nameHandles();
    let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
    for (let i = 0; i < count; ++i) {
      if (!this.ids[i]) continue;
      west = Math.min(west, positions[2 * i]);
      east = Math.max(east, positions[2 * i]);
      south = Math.min(south, positions[2 * i + 1]);
      north = Math.max(north, positions[2 * i + 1]);
    }
    if (!(east >= west)) west = east = south = north = 0;
    const unit = Math.max(0.05, Math.max(east - west, north - south) / 65_000);
    const places = new Uint16Array(2 * count);
    const turns = new Uint8Array(count);
    const speeds = new Uint8Array(count);
    for (let i = 0; i < count; ++i) {
      if (!this.ids[i]) continue;
      places[2 * i] = (positions[2 * i] - west) / unit;
      places[2 * i + 1] = (positions[2 * i + 1] - south) / unit;
      turns[i] = Math.round(headings[i] * (128 / Math.PI)) & 255;
      speeds[i] = Math.min(255, Math.abs(model.speed[i]) * 4);
    }
    if (nowMs - this.cellsAtMs >= kCellsEveryMs) {
      this.cells = [...model.cells.values()];
      this.cellsAtMs = nowMs;
    }
    const moment: Moment = {
      atMs: nowMs, count, ids: this.ids, west, south, unit, places, headings: turns, speeds,
      states: model.state.slice(0, count), conflicts: [...model.conflicts.values()],
      commands: [...model.commands.values()].filter(command => command.state !== 'over'), cells: this.cells,
      bytes: count * 10 + 200 * (model.conflicts.size + 1)
    };
    this.moments.push(moment);
    this.bytes += moment.bytes;
    while (this.moments.length > 1 && (nowMs - this.firstMs > kPastMs || this.bytes > kBytesMax)) {
      this.bytes -= this.moments.shift()!.bytes;
    }
    // Names of long ago.
    if (this.nameOf.length > 400_000) this.forget();
  }

  forget(): void {
    this.moments.length = 0;
    this.bytes = 0;
    this.idOf.clear();
    this.nameOf.length = 1;
    this.idsVersion = -1;
  }

  // The two moments around a time and how far it is from the first to the second.
  around(atMs: number): {before: Moment; after: Moment; part: number} | null {
    const {moments} = this;
    if (!moments.length) return null;
    let low = 0, high = moments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (moments[middle].atMs <= atMs) low = middle; else high = middle - 1;
    }
    const before = moments[low];
    const after = moments[Math.min(low + 1, moments.length - 1)];
    const span = after.atMs - before.atMs;
    // A gap is not bridged.
    const part = span > 0 && span < 4 * kEveryMs ? Math.min(1, Math.max(0, (atMs - before.atMs) / span)) : 0;
    return {before, after, part};
  }

  // Places, headings and states of a time.  Returns how many handles there are.
  show(atMs: number, positions: Float32Array, headings: Float32Array, states: Float32Array): number {
    const found = this.around(atMs);
    if (!found) return 0;
    const {before, after, part} = found;
    for (let i = 0; i < before.count; ++i) {
      if (!before.ids[i]) {
        positions[2 * i] = positions[2 * i + 1] = 1e8;
        states[i] = 0;
        continue;
      }
      let x = before.west + before.places[2 * i] * before.unit;
      let y = before.south + before.places[2 * i + 1] * before.unit;
      let turn = before.headings[i];
      if (part > 0 && i < after.count && after.ids[i] === before.ids[i]) {
        x += part * (after.west + after.places[2 * i] * after.unit - x);
        y += part * (after.south + after.places[2 * i + 1] * after.unit - y);
        const by = ((after.headings[i] - turn + 384) & 255) - 128;
        turn += part * by;
      }
      positions[2 * i] = x;
      positions[2 * i + 1] = y;
      headings[i] = turn * (Math.PI / 128);
      states[i] = before.states[i];
    }
    return before.count;
  }

  // Where a vehicle was in the time before `untilMs`: x, y, speed of each moment, oldest first.
  trail(name: string, untilMs: number, spanMs: number): {x: number; y: number; speed: number; atMs: number}[] {
    const id = this.id(name);
    const out: {x: number; y: number; speed: number; atMs: number}[] = [];
    if (!id) return out;
    let handle = -1;
    for (const moment of this.moments) {
      if (moment.atMs < untilMs - spanMs || moment.atMs > untilMs) continue;
      if (handle < 0 || moment.ids[handle] !== id) handle = moment.ids.indexOf(id);
      if (handle < 0) continue;
      out.push({
        x: moment.west + moment.places[2 * handle] * moment.unit,
        y: moment.south + moment.places[2 * handle + 1] * moment.unit,
        speed: moment.speeds[handle] / 4, atMs: moment.atMs
      });
    }
    return out;
  }

  private nameHandles(): void {
    const {model} = this;
    this.idsVersion = model.lookVersion;
    let changed = this.ids.length !== model.handles;
    for (let i = 0; i < model.handles && !changed; ++i) changed = this.nameOf[this.ids[i]] !== (model.names[i] ?? '');
    if (!changed) return;
    const ids = new Uint32Array(model.handles);
    for (let i = 0; i < model.handles; ++i) {
      const name = model.names[i];
      if (!name) continue;
      let id = this.idOf.get(name);
      if (!id) {
        id = this.nameOf.push(name) - 1;
        this.idOf.set(name, id);
      }
      ids[i] = id;
    }
    this.ids = ids;
  }
}

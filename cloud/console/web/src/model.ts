// What is known of the fleet at this moment, rebuilt from the frames of /v1/live (docs/formats/live.md).
import {ByteBuffer} from 'flatbuffers';
import {Cell} from 'live-schema/cell';
import {Frame} from 'live-schema/frame';

export const kIntents = ['goes on', 'turns left', 'turns right', 'brakes', 'stands', 'pulls away'];
export const kIntentMask = 0x000f;
export const kSilentBit = 0x0010;
export const kDisconnectedBit = 0x0020;
export const kPlannedBit = 0x0040;
export const kConflictBit = 0x0080;
export const kAdvisedBit = 0x0100;
export const kAvoidsBit = 0x0200;
export const kBrakes = 3;
export const kStands = 4;

export const kAheadNearS = 1.5;
export const kAheadFarS = 3;
export const kCellSideM = 100;
const kNowhere = 1e8;

export interface Conflict {
  readonly episode: string;
  readonly a: string;
  readonly b: string;
  readonly x: number;
  readonly y: number;
  readonly contactMs: number;  // cloud time
  readonly drac: number;
  readonly probability: number;
  readonly yields: number;     // 0: a gives way, 1: b, 2: both brake
  readonly toldA: boolean;
  readonly toldB: boolean;
  readonly fromMs: number;
  readonly stepMs: number;
  readonly pathA: Float32Array;  // x, y ... m
  readonly pathB: Float32Array;
}

export type CommandState = 'sent' | 'answered' | 'over';

export interface Command {
  readonly id: string;
  readonly vehicle: string;
  readonly kind: number;       // 1 speed advice, 2 avoidance, 3 release
  readonly state: CommandState;
  readonly episode: string;
  readonly ceiling: number;    // m/s
  readonly decel: number;      // m/s²
  readonly cellX: number;
  readonly cellY: number;
  readonly causeVehicle: string;
  readonly causeSequence: string;
  readonly issuedMs: number;
  readonly expiresMs: number;  // 0: not known
}

export interface HeatCell {
  x: number;
  y: number;
  vehicles: number;
  speed: number;
  congestion: number;          // 0 .. 1
  congested: boolean;
}

function metres(centimetres: Int32Array | null): Float32Array {
  const out = new Float32Array(centimetres?.length ?? 0);
  for (let i = 0; i < out.length; ++i) out[i] = centimetres![i] * 0.01;
  return out;
}

const kCommandsKept = 400;

export class Model {
  // By handle.  A free one has the name ''.
  capacity = 1024;
  handles = 0;                 // all are below this
  names: string[] = [];
  x = new Float64Array(this.capacity);
  y = new Float64Array(this.capacity);
  heading = new Float32Array(this.capacity);   // rad
  speed = new Float32Array(this.capacity);     // m/s
  ahead = new Float32Array(4 * this.capacity); // m
  state = new Uint16Array(this.capacity);
  toldMs = new Float64Array(this.capacity);    // cloud time
  handleOf = new Map<string, number>();
  // Changes whenever a state, or who has a handle, does.
  lookVersion = 0;

  conflicts = new Map<string, Conflict>();
  conflictsVersion = 0;
  commands = new Map<string, Command>();
  commandsVersion = 0;
  cells = new Map<string, HeatCell>();
  cellsVersion = 0;
  figures = new Map<string, number>();
  figureNames: string[] = [];
  figuresAtMs = 0;
  ready = '';
  status = '';
  selectedPath: Float32Array | null = null;
  selectedKnown = false;

  atMs = 0;                    // cloud time of the last frame
  sequence = -1;
  fleet = 0;
  inView = 0;
  oneOf = 1;
  box: [number, number, number, number] | null = null;  // west, south, east, north
  originLat = 0;
  originLon = 0;
  decisionP50Us = 0;
  decisionP99Us = 0;
  decisions = 0;
  bytes = 0;
  frames = 0;
  told = 0;                    // vehicles, in all frames

  // A new connection: what was told on the last one no longer holds.
  forget(): void {
    this.handles = 0;
    this.names = [];
    this.handleOf.clear();
    this.conflicts.clear();
    this.commands.clear();
    this.cells.clear();
    this.figureNames = [];
    this.selectedPath = null;
    ++this.lookVersion;
    ++this.conflictsVersion;
    ++this.commandsVersion;
    ++this.cellsVersion;
  }

  apply(bytes: ArrayBuffer): void {
    const frame = Frame.getRootAsFrame(new ByteBuffer(new Uint8Array(bytes)));
    if (frame.sequence() === 0) {
      this.forget();
      this.originLat = frame.originLatE7() * 1e-7;
      this.originLon = frame.originLonE7() * 1e-7;
    }
    this.sequence = frame.sequence();
    this.atMs = Number(frame.atNs()) * 1e-6;
    this.bytes += bytes.byteLength;
    ++this.frames;
    this.status = frame.status() ?? '';
    this.fleet = frame.vehicles();
    this.inView = frame.inView();
    this.oneOf = Math.max(1, frame.oneOf());
    if (this.fleet > 0) this.box = [frame.westM(), frame.southM(), frame.eastM(), frame.northM()];
    this.decisionP50Us = frame.decisionP50Us();
    this.decisionP99Us = frame.decisionP99Us();
    this.decisions = frame.decisions();
    this.applyVehicles(frame);
    this.applyCells(frame);
    this.applyConflicts(frame);
    this.applyCommands(frame);
    this.applyFigures(frame);
    const path = frame.selectedPathArray();
    this.selectedPath = path ? metres(path) : null;
    this.selectedKnown = frame.selectedKnown();
  }

  private applyVehicles(frame: Frame): void {
    const gone = frame.goneArray();
    for (let i = 0; i < (gone?.length ?? 0); ++i) {
      const handle = gone![i];
      this.handleOf.delete(this.names[handle]);
      this.names[handle] = '';
      this.x[handle] = this.y[handle] = kNowhere;
      this.ahead.fill(0, 4 * handle, 4 * handle + 4);
      this.state[handle] = 0;
    }
    const named = frame.namedArray();
    for (let i = 0; i < (named?.length ?? 0); ++i) {
      const handle = named![i];
      this.reserve(handle + 1);
      const name = frame.names(i) as string;
      this.names[handle] = name;
      this.handleOf.set(name, handle);
    }
    if ((gone?.length ?? 0) + (named?.length ?? 0) > 0) ++this.lookVersion;
    const handles = frame.handlesArray();
    if (!handles || handles.length === 0) return;
    const x = frame.xCmArray()!;
    const y = frame.yCmArray()!;
    const heading = frame.headingArray()!;
    const speed = frame.speedCmpsArray()!;
    const ahead = frame.aheadDmArray()!;
    const state = frame.stateArray()!;
    let looks = false;
    for (let i = 0; i < handles.length; ++i) {
      const handle = handles[i];
      this.x[handle] = x[i] * 0.01;
      this.y[handle] = y[i] * 0.01;
      this.heading[handle] = heading[i] * (2 * Math.PI / 65536);
      this.speed[handle] = speed[i] * 0.01;
      for (let k = 0; k < 4; ++k) this.ahead[4 * handle + k] = ahead[4 * i + k] * 0.1;
      if (this.state[handle] !== state[i]) looks = true;
      this.state[handle] = state[i];
      this.toldMs[handle] = this.atMs;
    }
    this.told += handles.length;
    if (looks) ++this.lookVersion;
  }

  private applyCells(frame: Frame): void {
    const count = frame.cellsLength();
    if (count === 0) return;
    const cell = new Cell();
    for (let i = 0; i < count; ++i) {
      frame.cells(i, cell);
      const key = `${cell.x()},${cell.y()}`;
      if (cell.vehicles() === 0) {
        this.cells.delete(key);
        continue;
      }
      this.cells.set(key, {
        x: cell.x(), y: cell.y(), vehicles: cell.vehicles(), speed: cell.speedCmps() * 0.01,
        congestion: cell.congestion() / 255, congested: cell.congested()
      });
    }
    ++this.cellsVersion;
  }

  private applyConflicts(frame: Frame): void {
    const over = frame.conflictsOverLength();
    const news = frame.conflictsLength();
    for (let i = 0; i < over; ++i) this.conflicts.delete(String(frame.conflictsOver(i)));
    for (let i = 0; i < news; ++i) {
      const told = frame.conflicts(i)!;
      this.conflicts.set(String(told.episode()), {
        episode: String(told.episode()), a: told.vehicleA() ?? '', b: told.vehicleB() ?? '',
        x: told.xCm() * 0.01, y: told.yCm() * 0.01, contactMs: Number(told.contactNs()) * 1e-6,
        drac: told.dracCmps2() * 0.01, probability: told.probability() / 255, yields: told.yields(),
        toldA: told.toldA(), toldB: told.toldB(), fromMs: Number(told.pathFromNs()) * 1e-6, stepMs: told.pathStepMs(),
        pathA: metres(told.pathAArray()), pathB: metres(told.pathBArray())
      });
    }
    if (over + news > 0) ++this.conflictsVersion;
  }

  private applyCommands(frame: Frame): void {
    const news = frame.commandsLength();
    if (news === 0) return;
    const states: CommandState[] = ['sent', 'answered', 'over'];
    // The frame has the newest first.
    for (let i = news - 1; i >= 0; --i) {
      const told = frame.commands(i)!;
      const id = String(told.id());
      this.commands.delete(id);
      this.commands.set(id, {
        id, vehicle: told.vehicle() ?? '', kind: told.kind(), state: states[told.state()] ?? 'over',
        episode: String(told.episode()), ceiling: told.ceilingCmps() * 0.01, decel: told.decelCmps2() * 0.01,
        cellX: told.cellX(), cellY: told.cellY(), causeVehicle: told.causeVehicle() ?? '',
        causeSequence: String(told.causeSequence()), issuedMs: Number(told.issuedNs()) * 1e-6,
        expiresMs: Number(told.expiresNs()) * 1e-6
      });
    }
    // What is over is kept for a while, for who asks why; the oldest go first.
    if (this.commands.size > kCommandsKept) {
      for (const [id, command] of this.commands) {
        if (this.commands.size <= kCommandsKept) break;
        if (command.state === 'over') this.commands.delete(id);
      }
    }
    ++this.commandsVersion;
  }

  private applyFigures(frame: Frame): void {
    const ready = frame.ready();
    if (ready === null) return;
    this.ready = ready;
    this.figuresAtMs = this.atMs;
    const from = frame.figureNamesFrom();
    for (let i = 0; i < frame.figureNamesLength(); ++i) this.figureNames[from + i] = frame.figureNames(i) as string;
    const numbers = frame.figuresArray();
    const values = frame.figureValuesArray();
    for (let i = 0; i < (numbers?.length ?? 0); ++i) this.figures.set(this.figureNames[numbers![i]], values![i]);
  }

  private reserve(handles: number): void {
    this.handles = Math.max(this.handles, handles);
    if (handles <= this.capacity) return;
    while (this.capacity < handles) this.capacity *= 2;
    const grow = <T extends {set(from: T): void}>(from: T, to: T): T => (to.set(from), to);
    this.x = grow(this.x, new Float64Array(this.capacity));
    this.y = grow(this.y, new Float64Array(this.capacity));
    this.heading = grow(this.heading, new Float32Array(this.capacity));
    this.speed = grow(this.speed, new Float32Array(this.capacity));
    this.ahead = grow(this.ahead, new Float32Array(4 * this.capacity));
    this.state = grow(this.state, new Uint16Array(this.capacity));
    this.toldMs = grow(this.toldMs, new Float64Array(this.capacity));
  }

  // Where everybody is at a cloud time: on the parabola through the three places that were told.  Writes x, y of each
  // handle, and its heading in rad.
  predict(nowMs: number, positions: Float32Array, headings: Float32Array): void {
    const {x, y, ahead, heading, toldMs, names} = this;
    for (let i = 0; i < this.handles; ++i) {
      if (!names[i]) {
        positions[2 * i] = positions[2 * i + 1] = kNowhere;
        continue;
      }
      const u = Math.min(Math.max((nowMs - toldMs[i]) * (0.001 / kAheadNearS), 0), 2);
      const nearX = ahead[4 * i], nearY = ahead[4 * i + 1], farX = ahead[4 * i + 2], farY = ahead[4 * i + 3];
      const near = u * (2 - u), far = 0.5 * u * (u - 1);
      positions[2 * i] = x[i] + near * nearX + far * farX;
      positions[2 * i + 1] = y[i] + near * nearY + far * farY;
      // It turns as its way does.
      const beginX = 2 * nearX - 0.5 * farX, beginY = 2 * nearY - 0.5 * farY;
      const thenX = beginX + u * (farX - 2 * nearX), thenY = beginY + u * (farY - 2 * nearY);
      const turned = beginX * beginX + beginY * beginY < 1 || thenX * thenX + thenY * thenY < 1
        ? 0 : Math.atan2(thenX * beginY - thenY * beginX, thenX * beginX + thenY * beginY);
      headings[i] = heading[i] + turned;
    }
  }

  figure(name: string): number | undefined {
    return this.figures.get(name);
  }
}

// The city's streets, which the orchestrator serves once, and which of them are worth drawing at a scale.
import {ByteBuffer} from 'flatbuffers';
import {Streets as Document} from 'live-schema/streets';
import type {ViewBox} from './feed';

export interface Lines {
  length: number;
  startIndices: Uint32Array;
  points: Float32Array;
  widths: Float32Array;        // of each point, m
}

const kLinesMax = 14_000;
const kPixelsMin = 9;          // a shorter line is not seen

export class Streets {
  private starts: Uint32Array<ArrayBufferLike> = new Uint32Array(0);
  private x: Int32Array<ArrayBufferLike> = new Int32Array(0);
  private y: Int32Array<ArrayBufferLike> = new Int32Array(0);
  private width: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  private spans: Float32Array = new Float32Array(0);  // west, south, east, north of each line
  private extents: Float32Array = new Float32Array(0);
  box: [number, number, number, number] | null = null;

  get known(): boolean { return this.starts.length > 0; }

  async load(): Promise<void> {
    const response = await fetch('/v1/streets');
    if (!response.ok) return;
    const document = Document.getRootAsStreets(new ByteBuffer(new Uint8Array(await response.arrayBuffer())));
    this.starts = document.startsArray() ?? new Uint32Array(0);
    this.x = document.xDmArray() ?? new Int32Array(0);
    this.y = document.yDmArray() ?? new Int32Array(0);
    this.width = document.widthDmArray() ?? new Uint8Array(0);
    const lines = this.starts.length;
    this.spans = new Float32Array(4 * lines);
    this.extents = new Float32Array(lines);
    const all: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let line = 0; line < lines; ++line) {
      let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
      for (let i = this.starts[line]; i < this.end(line); ++i) {
        west = Math.min(west, this.x[i]);
        east = Math.max(east, this.x[i]);
        south = Math.min(south, this.y[i]);
        north = Math.max(north, this.y[i]);
      }
      this.spans.set([west * 0.1, south * 0.1, east * 0.1, north * 0.1], 4 * line);
      this.extents[line] = Math.max(east - west, north - south) * 0.1;
      all[0] = Math.min(all[0], west * 0.1);
      all[1] = Math.min(all[1], south * 0.1);
      all[2] = Math.max(all[2], east * 0.1);
      all[3] = Math.max(all[3], north * 0.1);
    }
    if (lines) this.box = all;
  }

  // Those in and around a view.
  within(view: ViewBox): Lines {
    const wide = (view.east - view.west) * 0.5, high = (view.north - view.south) * 0.5;
    const chosen: number[] = [];
    let points = 0;
    for (let line = 0; line < this.starts.length && chosen.length < kLinesMax; ++line) {
      if (this.extents[line] < kPixelsMin * view.metresPerPixel) continue;
      const at = 4 * line;
      if (this.spans[at] > view.east + wide || this.spans[at + 2] < view.west - wide) continue;
      if (this.spans[at + 1] > view.north + high || this.spans[at + 3] < view.south - high) continue;
      chosen.push(line);
      points += this.end(line) - this.starts[line];
    }
    const out: Lines = {
      length: chosen.length, startIndices: new Uint32Array(chosen.length + 1), points: new Float32Array(2 * points),
      widths: new Float32Array(points)
    };
    let at = 0;
    chosen.forEach((line, number) => {
      out.startIndices[number] = at;
      for (let i = this.starts[line]; i < this.end(line); ++i, ++at) {
        out.points[2 * at] = this.x[i] * 0.1;
        out.points[2 * at + 1] = this.y[i] * 0.1;
        out.widths[at] = this.width[line] * 0.1;
      }
    });
    out.startIndices[chosen.length] = at;
    return out;
  }

  private end(line: number): number {
    return line + 1 < this.starts.length ? this.starts[line + 1] : this.x.length;
  }
}

// The map: deck.gl on a flat plane of metres.
import {Deck, OrthographicView} from '@deck.gl/core';
import {PathLayer, ScatterplotLayer} from '@deck.gl/layers';
import type {ViewBox} from './feed';
import {CellLayer, ContactLayer, VehicleLayer} from './layers';
import type {Conflict, HeatCell} from './model';
import {kAdvisedBit, kAvoidsBit, kBrakes, kCellSideM, kConflictBit, kDisconnectedBit, kIntentMask, kSilentBit, kStands}
  from './model';
import type {Streets} from './streets';
import type {Rgba, Theme} from './theme';

const kZoomMin = -7;
const kZoomMax = 5;
const kStreetsEveryMs = 180;

// What is drawn, wherever it comes from: now, or the past.
export interface Scene {
  count: number;               // vehicles' handles
  positions: Float32Array;
  headings: Float32Array;
  states: Float32Array;
  looksVersion: number;        // another one: states have changed
  conflicts: readonly Conflict[];
  cells: readonly HeatCell[];
  cellsVersion: number;
  conflictsVersion: number;
  selected: number;            // handle; -1: none
  selectedPath: Float32Array | null;
  trail: Float32Array | null;
}

export class MapView {
  private readonly deck: Deck<any>;
  target: [number, number] = [0, 0];
  zoom = -3;
  private theme: Theme;
  private colours = new Uint8Array(0);
  private coloursVersion = -1;
  private coloursCount = -1;
  private coloursTheme = '';
  private looks: Float32Array = new Float32Array(0);
  private streetData: any = null;
  private streetsAtMs = 0;
  private streetsDue = true;
  private cellData: any = null;
  private cellKey = '';
  private conflictData: {lines: any; contacts: any} | null = null;
  private conflictKey = '';
  showHeat = true;
  ready = false;

  constructor(private readonly parent: HTMLElement, canvas: HTMLCanvasElement, private readonly streets: Streets,
              theme: Theme, private readonly moved: () => void, failed: (reason: string) => void) {
    this.theme = theme;
    this.deck = new Deck({
      canvas,
      width: '100%',
      height: '100%',
      views: new OrthographicView({id: 'map', flipY: false}),
      viewState: this.viewState(),
      controller: {dragRotate: false, touchRotate: false, keyboard: false, doubleClickZoom: true, inertia: 180} as any,
      useDevicePixels: Math.min(window.devicePixelRatio || 1, 2),
      layers: [],
      getCursor: ({isDragging}: {isDragging: boolean}) => (isDragging ? 'grabbing' : 'default'),
      onViewStateChange: ({viewState}: any) => {
        this.target = [viewState.target[0], viewState.target[1]];
        this.setZoom(viewState.zoom);
        this.onMoved();
      },
      onLoad: () => { this.ready = true; this.onMoved(); },
      onError: (error: Error) => failed(error.message)
    } as any);
    new ResizeObserver(() => this.onMoved()).observe(parent);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.conflictKey = this.cellKey = '';
  }

  streetsChanged(): void { this.streetsDue = true; }

  get metresPerPixel(): number { return 2 ** -this.zoom; }
  get width(): number { return this.parent.clientWidth; }
  get height(): number { return this.parent.clientHeight; }

  box(): ViewBox {
    const wide = this.width * this.metresPerPixel / 2, high = this.height * this.metresPerPixel / 2;
    return {
      west: this.target[0] - wide, east: this.target[0] + wide, south: this.target[1] - high,
      north: this.target[1] + high, metresPerPixel: this.metresPerPixel
    };
  }

  toWorld(x: number, y: number): [number, number] {
    return [this.target[0] + (x - this.width / 2) * this.metresPerPixel,
            this.target[1] - (y - this.height / 2) * this.metresPerPixel];
  }

  toScreen(x: number, y: number): [number, number] {
    return [this.width / 2 + (x - this.target[0]) / this.metresPerPixel,
            this.height / 2 - (y - this.target[1]) / this.metresPerPixel];
  }

  // `insets`: pixels that are covered by something.
  fit(box: [number, number, number, number], insets: {left: number; right: number; top: number; bottom: number}): void {
    const wide = Math.max(50, this.width - insets.left - insets.right);
    const high = Math.max(50, this.height - insets.top - insets.bottom);
    const scale = Math.max((box[2] - box[0]) / wide, (box[3] - box[1]) / high, 0.05) * 1.04;
    this.setZoom(-Math.log2(scale));
    const perPixel = this.metresPerPixel;
    this.target = [(box[0] + box[2]) / 2 + (insets.right - insets.left) / 2 * perPixel,
                   (box[1] + box[3]) / 2 + (insets.top - insets.bottom) / 2 * perPixel];
    this.onMoved();
  }

  moveTo(x: number, y: number, zoom = this.zoom): void {
    this.target = [x, y];
    this.setZoom(zoom);
    this.onMoved();
  }

  panBy(pixelsX: number, pixelsY: number): void {
    this.moveTo(this.target[0] + pixelsX * this.metresPerPixel, this.target[1] - pixelsY * this.metresPerPixel);
  }

  zoomBy(steps: number): void { this.moveTo(this.target[0], this.target[1], this.zoom + steps); }

  private setZoom(zoom: number): void { this.zoom = Math.min(kZoomMax, Math.max(kZoomMin, zoom)); }

  private onMoved(): void {
    this.streetsDue = true;
    this.deck.setProps({viewState: this.viewState()});
    this.moved();
  }

  private viewState(): any {
    return {target: [this.target[0], this.target[1], 0], zoom: this.zoom, minZoom: kZoomMin, maxZoom: kZoomMax};
  }

  draw(scene: Scene): void {
    if (!this.ready) return;
    this.deck.setProps({layers: this.layers(scene)});
    this.deck.redraw('frame');
  }

  private layers(scene: Scene): any[] {
    const {theme} = this;
    const perPixel = this.metresPerPixel;
    const out: any[] = [];
    if (this.showHeat) out.push(this.heat(scene));
    const now = performance.now();
    if (this.streetsDue && this.streets.known && now - this.streetsAtMs > kStreetsEveryMs) {
      this.streetsAtMs = now;
      this.streetsDue = false;
      const lines = this.streets.within(this.box());
      this.streetData = {
        length: lines.length, startIndices: lines.startIndices,
        attributes: {getPath: {value: lines.points, size: 2}, getWidth: {value: lines.widths, size: 1}}
      };
    }
    if (this.streetData) {
      out.push(new PathLayer({
        id: 'streets', data: this.streetData, _pathType: 'open', getColor: theme.street, widthUnits: 'meters',
        widthMinPixels: 0.8, capRounded: false, jointRounded: false, parameters: {depthCompare: 'always'}
      } as any));
    }
    if (scene.trail && scene.trail.length >= 4) {
      out.push(this.path('trail', scene.trail, theme.trail, Math.max(1.2, 3 * perPixel)));
    }
    const conflicts = this.conflictLayers(scene);
    out.push(conflicts.lines);
    if (scene.selectedPath && scene.selectedPath.length >= 4) {
      out.push(this.path('way', scene.selectedPath, theme.selected, Math.max(0.8, 2 * perPixel)));
    }
    out.push(this.vehicles(scene), conflicts.contacts);
    if (scene.selected >= 0) {
      out.push(new ScatterplotLayer({
        id: 'selected',
        data: [[scene.positions[2 * scene.selected], scene.positions[2 * scene.selected + 1]]],
        getPosition: (point: [number, number]) => point, stroked: true, filled: false, getLineColor: theme.selected,
        lineWidthUnits: 'pixels', getLineWidth: 2.5, radiusUnits: 'pixels',
        getRadius: Math.max(15, 6 / perPixel)
      } as any));
    }
    return out;
  }

  private vehicles(scene: Scene): any {
    const {count} = scene;
    const stale = this.coloursVersion !== scene.looksVersion || this.coloursCount !== count ||
        this.coloursTheme !== this.theme.name;
    if (stale) {
      this.coloursVersion = scene.looksVersion;
      this.coloursCount = count;
      this.coloursTheme = this.theme.name;
      this.colours = new Uint8Array(4 * count);
      this.looks = scene.states.slice(0, count);
      for (let i = 0; i < count; ++i) this.colours.set(this.colourOf(scene.states[i]), 4 * i);
    }
    // A new object each time is what makes deck.gl take what is within; what is the same array as before stays as it is.
    return new VehicleLayer({
      id: 'vehicles',
      data: {
        length: count,
        attributes: {
          getPosition: {value: scene.positions.subarray(0, 2 * count), size: 2},
          getHeading: {value: scene.headings.subarray(0, count), size: 1},
          getLook: {value: this.looks, size: 1},
          getFillColor: {value: this.colours, size: 4, normalized: true}
        }
      },
      getRadius: 3.4, radiusUnits: 'meters', radiusMinPixels: Math.min(9, Math.max(4.2, 9 + this.zoom * 1.3)),
      radiusMaxPixels: 42, parameters: {depthCompare: 'always'}
    } as any);
  }

  private colourOf(state: number): Rgba {
    const {theme} = this;
    if (state & kConflictBit) return theme.conflict;
    if (state & (kAdvisedBit | kAvoidsBit)) return theme.told;
    if (state & (kSilentBit | kDisconnectedBit)) return theme.silent;
    const intent = state & kIntentMask;
    if (intent === kBrakes) return theme.brakes;
    return intent === kStands ? theme.stands : theme.goes;
  }

  private heat(scene: Scene): any {
    const key = `${scene.cellsVersion} ${this.theme.name}`;
    if (key !== this.cellKey) {
      this.cellKey = key;
      const count = scene.cells.length;
      const positions = new Float32Array(2 * count);
      const colours = new Uint8Array(4 * count);
      const looks = new Float32Array(count);
      const {cool, hot} = this.theme;
      scene.cells.forEach((cell, i) => {
        positions[2 * i] = (cell.x + 0.5) * kCellSideM;
        positions[2 * i + 1] = (cell.y + 0.5) * kCellSideM;
        for (let k = 0; k < 3; ++k) colours[4 * i + k] = cool[k] + cell.congestion * (hot[k] - cool[k]);
        // Who drives freely needs no colour.
        colours[4 * i + 3] = cell.congestion < 0.12 && !cell.congested ? 0 : 255;
        looks[i] = Math.round(cell.congestion * 255) + (cell.congested ? 256 : 0);
      });
      this.cellData = {
        length: count,
        attributes: {
          getPosition: {value: positions, size: 2}, getLook: {value: looks, size: 1},
          getFillColor: {value: colours, size: 4, normalized: true}
        }
      };
    }
    return new CellLayer({
      id: 'cells', data: this.cellData, getRadius: kCellSideM / 1.4, radiusUnits: 'meters', antialiasing: false,
      parameters: {depthCompare: 'always'}
    } as any);
  }

  // Who gives way has the thinner way.
  private conflictLayers(scene: Scene): {lines: any; contacts: any} {
    const key = `${scene.conflictsVersion} ${this.theme.name} ${Math.round(this.zoom * 4)}`;
    if (key === this.conflictKey && this.conflictData) return this.conflictData;
    this.conflictKey = key;
    const perPixel = this.metresPerPixel;
    const ways: {path: Float32Array; width: number}[] = [];
    for (const conflict of scene.conflicts) {
      const wide = Math.max(1.5, 4 * perPixel), thin = Math.max(0.6, 1.6 * perPixel);
      ways.push({path: conflict.pathA, width: conflict.yields === 1 ? wide : thin},
                {path: conflict.pathB, width: conflict.yields === 0 ? wide : thin});
    }
    this.conflictData = {
      lines: new PathLayer({
        id: 'conflicts', data: ways, getPath: (way: any) => way.path, positionFormat: 'XY', getColor: this.theme.conflict,
        getWidth: (way: any) => way.width, widthUnits: 'meters', capRounded: true, jointRounded: true,
        parameters: {depthCompare: 'always'}
      } as any),
      contacts: new ContactLayer({
        id: 'contacts', data: scene.conflicts.slice(), getPosition: (conflict: any) => [conflict.x, conflict.y],
        getFillColor: this.theme.conflict, getRadius: 3.2, radiusUnits: 'meters', radiusMinPixels: 6.5,
        radiusMaxPixels: 26, parameters: {depthCompare: 'always'}
      } as any)
    };
    return this.conflictData;
  }

  private path(id: string, points: Float32Array, colour: Rgba, width: number): any {
    return new PathLayer({
      id, data: [points], getPath: (path: Float32Array) => path, positionFormat: 'XY', getColor: colour, getWidth: width,
      widthUnits: 'meters', capRounded: true, jointRounded: true, updateTriggers: {getWidth: width},
      parameters: {depthCompare: 'always'}
    } as any);
  }
}

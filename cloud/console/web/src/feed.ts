// The connection to /v1/live: says what is in view, takes frames, and comes back by itself.
import {Builder} from 'flatbuffers';
import {View} from 'live-schema/view';
import type {Model} from './model';

export interface ViewBox {
  west: number;
  south: number;
  east: number;
  north: number;
  metresPerPixel: number;
}

export type LinkState = 'connecting' | 'live' | 'stale' | 'lost';

const kProtocol = 'starling.live.1';
const kBackoffMinMs = 500;
const kBackoffMaxMs = 15_000;
const kStaleAfterMs = 3_000;
const kViewEveryMs = 120;

export class Feed {
  state: LinkState = 'connecting';
  attempts = 0;
  retryAtMs = 0;               // performance.now()
  lostSinceMs = 0;             // performance.now() of the last word, while there is none
  // Cloud time = performance.now() + offset.
  private offsetMs = 0;
  private offsetKnown = false;
  private socket: WebSocket | null = null;
  private timer = 0;
  private lastFrameMs = 0;
  private view: ViewBox | null = null;
  private selected = '';
  private viewSentMs = -Infinity;
  private viewTimer = 0;
  applyMs = 0;                 // script time of taking frames since it was last read

  constructor(private readonly model: Model, private readonly changed: () => void) {
    window.addEventListener('online', () => this.retryNow());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.retryNow(); });
    window.setInterval(() => this.watch(), 500);
    this.connect();
  }

  nowMs(): number {
    return this.offsetKnown ? performance.now() + this.offsetMs : Date.now();
  }

  show(view: ViewBox, selected: string): void {
    this.view = view;
    this.selected = selected;
    if (this.viewTimer) return;
    const wait = Math.max(0, this.viewSentMs + kViewEveryMs - performance.now());
    this.viewTimer = window.setTimeout(() => {
      this.viewTimer = 0;
      this.sendView();
    }, wait);
  }

  retryNow(): void {
    if (this.state !== 'lost' || this.socket) return;
    window.clearTimeout(this.timer);
    this.connect();
  }

  private connect(): void {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/v1/live`, kProtocol);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    if (this.state !== 'lost') this.set('connecting');
    socket.onopen = () => this.sendView();
    socket.onmessage = event => {
      const began = performance.now();
      this.model.apply(event.data as ArrayBuffer);
      this.applyMs += performance.now() - began;
      this.onFrame();
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.onClosed();
    };
  }

  private onFrame(): void {
    const now = performance.now();
    this.lastFrameMs = now;
    this.attempts = 0;
    // Frames may be late, never early: the earliest one tells the time.  A clock that was set is followed within seconds.
    const offset = this.model.atMs - now;
    this.offsetMs = this.offsetKnown ? Math.max(offset, this.offsetMs - 5) : offset;
    if (Math.abs(offset - this.offsetMs) > 2_000) this.offsetMs = offset;
    this.offsetKnown = true;
    this.lostSinceMs = 0;
    this.set(this.model.status ? 'stale' : 'live');
    this.changed();
  }

  private onClosed(): void {
    if (!this.lostSinceMs) this.lostSinceMs = performance.now();
    // With some chance in it, so that not every viewer is back in the same moment.
    const backoff = Math.min(kBackoffMaxMs, kBackoffMinMs * 2 ** this.attempts) * (0.75 + 0.5 * Math.random());
    ++this.attempts;
    this.retryAtMs = performance.now() + backoff;
    this.timer = window.setTimeout(() => this.connect(), backoff);
    this.set('lost');
  }

  private watch(): void {
    if (this.state === 'lost') this.changed();
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN || !this.lastFrameMs) return;
    const silentMs = performance.now() - this.lastFrameMs;
    if (silentMs > kStaleAfterMs && this.state === 'live') {
      this.lostSinceMs = this.lastFrameMs;
      this.set('stale');
    }
    // A connection that nobody has closed, and nobody uses.
    if (silentMs > 4 * kStaleAfterMs) this.socket.close();
  }

  private sendView(): void {
    if (!this.view || this.socket?.readyState !== WebSocket.OPEN) return;
    this.viewSentMs = performance.now();
    const builder = new Builder(128);
    const selected = builder.createString(this.selected);
    View.startView(builder);
    View.addWestM(builder, this.view.west);
    View.addSouthM(builder, this.view.south);
    View.addEastM(builder, this.view.east);
    View.addNorthM(builder, this.view.north);
    View.addMetresPerPixel(builder, this.view.metresPerPixel);
    View.addSelected(builder, selected);
    builder.finish(View.endView(builder));
    this.socket.send(builder.asUint8Array().slice());
  }

  private set(state: LinkState): void {
    if (this.state === state) return;
    this.state = state;
    this.changed();
  }
}

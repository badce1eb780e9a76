// The bar of the last ten minutes.
import {clock, find} from './dom';
import {kPastMs, type Past} from './past';

export class TimeBar {
  live = true;
  playing = true;
  atMs = 0;                       // the time that is shown while not live
  private readonly range = find<HTMLInputElement>('time');
  private readonly track = find<HTMLCanvasElement>('track');
  private drawnMs = -Infinity;

  constructor(private readonly past: Past, private readonly changed: () => void) {
    this.range.addEventListener('input', () => {
      const endMs = this.past.lastMs;
      this.showAt(endMs - kPastMs + Number(this.range.value) * 1000);
      this.playing = false;
    });
    find('play').addEventListener('click', () => this.toggle());
    find('live').addEventListener('click', () => this.goLive());
  }

  goLive(): void {
    this.live = true;
    this.playing = true;
    this.changed();
  }

  toggle(): void {
    if (this.live) {
      this.showAt(this.past.lastMs);
      this.playing = false;
    } else {
      this.playing = !this.playing;
    }
    this.changed();
  }

  step(seconds: number): void {
    this.showAt((this.live ? this.past.lastMs : this.atMs) + seconds * 1000);
    this.playing = false;
  }

  private showAt(atMs: number): void {
    if (!this.past.moments.length) return;
    if (atMs >= this.past.lastMs && !this.live) {
      this.goLive();
      return;
    }
    this.live = false;
    this.atMs = Math.max(this.past.firstMs, Math.min(this.past.lastMs, atMs));
    this.changed();
  }

  // The time goes on by so much.
  advance(elapsedMs: number): void {
    if (this.live || !this.playing) return;
    this.atMs += elapsedMs;
    // What was dropped meanwhile.
    this.atMs = Math.max(this.atMs, this.past.firstMs);
    if (this.atMs >= this.past.lastMs) this.goLive();
  }

  draw(nowMs: number): void {
    const endMs = this.past.lastMs || nowMs;
    const shownMs = this.live ? nowMs : this.atMs;
    if (document.activeElement !== this.range || this.live || this.playing) {
      this.range.value = String(this.live ? kPastMs / 1000 : (shownMs - endMs + kPastMs) / 1000);
    }
    const behind = Math.round((endMs - shownMs) / 1000);
    find<HTMLOutputElement>('clock').value = this.live ? clock(shownMs) : `${clock(shownMs)}  \u2212${behind} s`;
    this.range.setAttribute('aria-valuetext', this.live ? 'now' : `${behind} seconds ago`);
    find('live').setAttribute('aria-pressed', String(this.live));
    const play = find('play');
    const pauses = this.live || this.playing;
    play.setAttribute('aria-label', pauses ? 'Pause' : 'Play');
    play.textContent = pauses ? '\u275a\u275a' : '\u25b6';
    if (performance.now() - this.drawnMs < 1000) return;
    this.drawnMs = performance.now();
    this.drawTrack(endMs);
  }

  redraw(): void { this.drawnMs = -Infinity; }

  // Where there is a past, and how many conflicts were open in it.
  private drawTrack(endMs: number): void {
    const {track} = this;
    const ratio = window.devicePixelRatio || 1;
    const wide = track.clientWidth, high = track.clientHeight;
    track.width = wide * ratio;
    track.height = high * ratio;
    const pen = track.getContext('2d');
    if (!pen) return;
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const middle = high / 2 + 6;
    pen.fillStyle = colour('--line');
    pen.fillRect(0, middle, wide, 4);
    const at = (ms: number) => (1 - (endMs - ms) / kPastMs) * wide;
    pen.fillStyle = colour('--accent');
    let most = 4;
    for (const moment of this.past.moments) most = Math.max(most, moment.conflicts.length);
    const step = Math.max(1, wide / 600);
    for (const moment of this.past.moments) {
      const x = at(moment.atMs);
      pen.globalAlpha = 0.75;
      pen.fillStyle = colour('--accent');
      pen.fillRect(x - step, middle, step + 0.5, 4);
      if (!moment.conflicts.length) continue;
      pen.fillStyle = colour('--bad');
      const tall = moment.conflicts.length / most * (middle - 2);
      pen.fillRect(x - step, middle - 1 - tall, step, tall);
    }
    pen.globalAlpha = 1;
    pen.fillStyle = colour('--soft');
    pen.font = '10px system-ui, sans-serif';
    for (let minute = 1; minute < 10; ++minute) {
      pen.fillRect(wide * (1 - minute / 10), middle, 1, 8);
      if (minute % 2 === 0) pen.fillText(`\u2212${minute} min`, wide * (1 - minute / 10) + 3, high - 1);
    }
  }
}

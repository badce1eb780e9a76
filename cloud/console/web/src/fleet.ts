// The fleet's figures over time, and what of them wants somebody's attention.
import type {Model} from './model';

export interface Alert {
  tone: 'bad' | 'warn';
  title: string;
  what: string;
}

interface Point {
  atMs: number;
  values: Map<string, number>;
}

const kKept = 600;
const kRateOverMs = 5_000;

export class Fleet {
  private readonly points: Point[] = [];
  readonly p99Ms: number[] = [];
  readonly fixesPerS: number[] = [];
  readonly conflicts: number[] = [];

  constructor(private readonly model: Model) {}

  // Once for each reading of the figures.
  take(): void {
    const {model} = this;
    const last = this.points.at(-1);
    if (model.figuresAtMs === 0 || (last && model.figuresAtMs === last.atMs)) return;
    // Another process counts anew.
    if (last && (model.figure('process.uptime_s') ?? 0) < (last.values.get('process.uptime_s') ?? 0)) this.points.length = 0;
    this.points.push({atMs: model.figuresAtMs, values: new Map(model.figures)});
    if (this.points.length > 64) this.points.shift();
    const keep = (list: number[], value: number | undefined) => {
      list.push(value ?? 0);
      if (list.length > kKept) list.shift();
    };
    keep(this.p99Ms, model.decisionP99Us / 1000);
    keep(this.fixesPerS, this.rate('shard.fixes'));
    keep(this.conflicts, model.conflicts.size);
  }

  // Of a counter, a second.
  rate(name: string): number | undefined {
    const last = this.points.at(-1);
    if (!last) return undefined;
    const first = this.points.find(point => last.atMs - point.atMs <= kRateOverMs && point.values.has(name));
    if (!first || first === last) return undefined;
    return Math.max(0, ((last.values.get(name) ?? 0) - (first.values.get(name) ?? 0)) / (last.atMs - first.atMs) * 1000);
  }

  alerts(): Alert[] {
    const {model} = this;
    const out: Alert[] = [];
    const bad = (title: string, what: string) => out.push({tone: 'bad', title, what});
    const warn = (title: string, what: string) => out.push({tone: 'warn', title, what});
    const value = (name: string) => model.figure(name);
    const grows = (name: string) => (this.rate(name) ?? 0) > 0;
    if (model.status) bad('No live picture', model.status);
    if (model.ready && model.ready !== 'ready') bad('Not ready', model.ready);
    if (value('runner.owner') === 0) warn('Region not owned here', 'another process decides for it, or it is being taken over');
    const lag = value('runner.lag_ms');
    if (lag !== undefined && lag > 1000) bad('The shard is behind', `${Math.round(lag)} ms after the log`);
    if (grows('log.refused')) bad('The log is full', 'appends are refused: its disk does not keep up');
    if (grows('gateway.turned_away_involved')) bad('Fixes of commanded vehicles are shed', 'more comes in than the cloud can take');
    else if (grows('gateway.turned_away_live')) warn('Fixes are shed', 'more comes in than the cloud can take');
    if (grows('gateway.turned_away_history')) warn('History is put off', 'vehicles keep it and send it again');
    if (grows('shard.closed_expired')) warn('Commands expire', 'vehicles take them too late');
    if (grows('shard.closed_rejected')) warn('Commands are refused', 'vehicles reject them; see a command for why');
    if (grows('gateway.handshakes_failed')) warn('Handshakes fail', 'wrong or missing certificates, or cut links');
    if (grows('ledger.gaps_forgotten')) bad('Samples are lost', 'gaps in the ledger that nobody can fill any more');
    if ((value('checkpoint.digest_mismatches') ?? 0) > 0) bad('Shard and follower differ', 'stop commands, and keep the log');
    if (grows('checkpoint.failures')) bad('State cannot be stored', 'a restart would take long; is the disk full?');
    if ((value('commands.rules') ?? 0) > 0) {
      warn('Commands are switched', 'an operator has stopped some or put them in shadow: starling commands status');
    }
    const left = value('certificates.server_seconds_left');
    if (left !== undefined && left <= 0) bad('The certificate has expired', 'vehicles cannot connect: renew the server\u2019s');
    else if (left !== undefined && left < 7 * 86_400) {
      warn('The certificate expires soon', `in ${Math.max(1, Math.round(left / 3600))} h: renew the server\u2019s`);
    }
    const crl = value('certificates.crl_seconds_left');
    if (crl !== undefined && crl <= 0) warn('The revocation list is overdue', 'it stays in force; issue a new one');
    return out;
  }
}

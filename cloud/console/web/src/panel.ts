// The panel beside the map: fleet, conflicts, commands, one vehicle.
import {ago, clock, el, facts, fill, find, fixed, plot, whole} from './dom';
import type {Fleet} from './fleet';
import type {Command, Conflict, Model} from './model';
import type {Past} from './past';
import {chips, intentOf, kindOf, kmh, stateOf, toldWhat, towards, why, yields} from './words';

export type Tab = 'fleet' | 'conflicts' | 'commands' | 'vehicle';

export interface Seen {           // of the selected vehicle, at the time that is shown
  x: number;
  y: number;
  speed: number;
  heading: number;
  state: number;
}

export interface PanelView {
  nowMs: number;                  // the time that is shown
  live: boolean;
  conflicts: readonly Conflict[];
  commands: readonly Command[];
  selected: string;
  following: boolean;
  seen: Seen | null;
}

interface Report {
  name: string;
  document: any;
  status: number;
  atMs: number;
}

const kListed = 60;
const kReportEveryMs = 1_000;

export class Panel {
  tab: Tab = 'fleet';
  private readonly body = find<HTMLDivElement>('panel-body');
  private report: Report | null = null;
  private asking = false;
  private askedMs = -Infinity;

  constructor(private readonly model: Model, private readonly fleet: Fleet, private readonly past: Past,
              private readonly act: {select(name: string): void; goTo(x: number, y: number): void; follow(): void;
                                     changed(): void}) {
    const tabs = [...document.querySelectorAll<HTMLButtonElement>('.tabs button')];
    tabs.forEach((tab, i) => {
      tab.addEventListener('click', () => this.open(tab.dataset.tab as Tab));
      tab.addEventListener('keydown', event => {
        const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
        if (!step) return;
        event.preventDefault();
        const next = tabs[(i + step + tabs.length) % tabs.length];
        next.focus();
        next.click();
      });
    });
    const panel = find('panel'), grip = find('panel-grip');
    grip.addEventListener('click', () => {
      const open = panel.dataset.open === 'false';
      panel.dataset.open = String(open);
      grip.setAttribute('aria-expanded', String(open));
    });
    this.open('fleet');
  }

  open(tab: Tab): void {
    this.tab = tab;
    for (const button of document.querySelectorAll<HTMLButtonElement>('.tabs button')) {
      const chosen = button.dataset.tab === tab;
      button.setAttribute('aria-selected', String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    this.body.setAttribute('aria-labelledby', `tab-${tab}`);
    this.body.scrollTop = 0;
    this.act.changed();
  }

  draw(view: PanelView): void {
    find('tab-conflicts').querySelector('b')!.textContent = view.conflicts.length ? String(view.conflicts.length) : '';
    const inForce = view.commands.filter(command => command.state !== 'over').length;
    find('tab-commands').querySelector('b')!.textContent = inForce ? String(inForce) : '';
    if (this.tab === 'fleet') this.drawFleet();
    else if (this.tab === 'conflicts') this.drawConflicts(view);
    else if (this.tab === 'commands') this.drawCommands(view);
    else this.drawVehicle(view);
  }

  private drawFleet(): void {
    const {model, fleet} = this;
    const value = (name: string) => model.figure(name);
    const congested = [...model.cells.values()].filter(cell => cell.congested).length;
    // Drawn once they have their place, and so their size.
    const plots: (() => void)[] = [];
    const card = (name: string, figure: string, unit: string, line?: readonly number[], colour = 'var(--accent)') => {
      const canvas = line ? el('canvas', {'aria-hidden': 'true'}) : null;
      const node = el('dl', {class: 'card'}, el('dt', {}, name), el('dd', {}, figure, ' ', el('small', {}, unit)), canvas);
      if (canvas && line) {
        const real = getComputedStyle(document.documentElement).getPropertyValue(colour.slice(4, -1)).trim();
        plots.push(() => plot(canvas, line, real));
      }
      return node;
    };
    const alerts = fleet.alerts();
    const list = alerts.length
      ? el('ul', {class: 'list'}, ...alerts.map(alert => el('li', {class: 'item', 'data-tone': alert.tone},
          el('b', {}, `${alert.tone === 'bad' ? '\u25c6' : '\u25b2'} ${alert.title}`), el('p', {}, alert.what))))
      : el('p', {class: 'empty'}, model.figuresAtMs ? '\u2713 Nothing wants your attention.' : 'No figures yet.');
    const cpu = fleet.rate('process.cpu_seconds');
    fill(this.body,
      el('h3', {}, 'Alerts'), list,
      el('h3', {}, 'Latency'),
      el('div', {class: 'cards'},
        card('Sample to command, p50', model.decisions ? fixed(model.decisionP50Us / 1000, 2) : '–', 'ms'),
        card('p99 of the last minute', model.decisions ? fixed(model.decisionP99Us / 1000, 2) : '–', 'ms', fleet.p99Ms),
        card('Shard behind the log', fixed(value('runner.lag_ms'), 1), 'ms'),
        card('Longest record', fixed(value('runner.apply_longest_ms'), 1), 'ms')),
      el('h3', {}, 'Traffic'),
      el('div', {class: 'cards'},
        card('Fixes', whole(fleet.rate('shard.fixes')), '/s', fleet.fixesPerS),
        card('Conflicts open in view', whole(model.conflicts.size), '', fleet.conflicts, 'var(--bad)'),
        card('Congested cells in view', whole(congested), ''),
        card('Commands', fixed((fleet.rate('shard.speed_advice_issued') ?? 0) + (fleet.rate('shard.avoidance_issued') ?? 0) +
          (fleet.rate('shard.releases_issued') ?? 0), 1), '/s')),
      el('h3', {}, 'Ledger'),
      facts(['Samples held', whole(value('ledger.samples'))], ['Samples a second', whole(fleet.rate('ledger.samples'))],
        ['Batches held', whole(value('ledger.batches'))], ['Came twice', whole(value('ledger.duplicates'))],
        ['Gaps met', whole(value('ledger.gaps'))], ['Given up', whole(value('ledger.gaps_forgotten'))]),
      el('h3', {}, 'Commands'),
      facts(['Speed advice', whole(value('shard.speed_advice_issued'))], ['Avoidance', whole(value('shard.avoidance_issued'))],
        ['Release', whole(value('shard.releases_issued'))], ['Without an answer yet', whole(value('shard.outbox_open'))],
        ['Applied', whole(value('shard.closed_applied'))], ['Expired', whole(value('shard.closed_expired'))],
        ['Refused', whole(value('shard.closed_rejected'))]),
      el('h3', {}, 'Orchestrator'),
      facts(['Connections', whole(value('gateway.connections'))], ['Processor', cpu === undefined ? '–' : `${fixed(cpu, 2)} cores`],
        ['Memory', value('process.rss_bytes') === undefined ? '–' : `${whole(value('process.rss_bytes')! / 1e6)} MB`],
        ['Running for', value('process.uptime_s') === undefined ? '–' : ago(value('process.uptime_s')! * 1000)],
        ['Ready', model.ready || '–']));
    for (const draw of plots) draw();
  }

  private drawConflicts(view: PanelView): void {
    const sorted = [...view.conflicts].sort((a, b) => a.contactMs - b.contactMs);
    fill(this.body,
      el('h3', {}, `Open in view: ${sorted.length}`),
      sorted.length ? el('ul', {class: 'list'}, ...sorted.slice(0, kListed).map(conflict => this.conflictItem(conflict, view)))
        : el('p', {class: 'empty'}, 'Nobody in view is about to meet anybody.'),
      sorted.length > kListed && el('p', {class: 'empty'}, `and ${sorted.length - kListed} more`));
  }

  private conflictItem(conflict: Conflict, view: PanelView): HTMLElement {
    const left = (conflict.contactMs - view.nowMs) / 1000;
    return el('li', {}, el('button', {
      class: 'item', 'data-tone': 'bad', 
      click: () => { this.act.goTo(conflict.x, conflict.y); this.act.select(conflict.a); }
    }, el('span', {class: 'right'}, left > 0 ? `in ${fixed(left, 1)} s` : 'now'),
      el('b', {}, `${conflict.a} \u2715 ${conflict.b}`),
      el('p', {}, `${yields(conflict)}; ${fixed(conflict.drac, 1)} m/s² needed, ` +
        `${Math.round(conflict.probability * 100)} % likely${conflict.toldA || conflict.toldB ? '; told' : ''}`)));
  }

  private commandItem(command: Command, view: PanelView): HTMLElement {
    const left = (command.expiresMs - view.nowMs) / 1000;
    const tone = command.state === 'over' ? 'over' : command.state === 'sent' ? 'warn' : 'told';
    return el('li', {}, el('button', {
      class: 'item', 'data-tone': tone, click: () => this.act.select(command.vehicle)
    }, el('span', {class: 'right'}, command.state !== 'over' && left > 0 ? `${stateOf(command)}, ${fixed(left, 0)} s` : stateOf(command)),
      el('b', {}, `${kindOf(command)}: ${command.vehicle}`),
      el('p', {}, toldWhat(command)),
      el('small', {}, `${clock(command.issuedMs)} \u2013 ${why(command, this.model.conflicts.get(command.episode))}`)));
  }

  private drawCommands(view: PanelView): void {
    const sorted = [...view.commands].sort((a, b) =>
      Number(a.state === 'over') - Number(b.state === 'over') || b.issuedMs - a.issuedMs);
    fill(this.body,
      el('h3', {}, 'To vehicles in view'),
      sorted.length ? el('ul', {class: 'list'}, ...sorted.slice(0, kListed).map(command => this.commandItem(command, view)))
        : el('p', {class: 'empty'}, 'No vehicle in view is told anything.'));
  }

  private drawVehicle(view: PanelView): void {
    if (!view.selected) {
      fill(this.body, el('p', {class: 'empty'}, 'Click a vehicle on the map, press N for the next one, or find one by name.'));
      return;
    }
    if (view.live) this.ask(view.selected);
    const {seen} = view;
    const report = this.report?.name === view.selected ? this.report : null;
    const document_ = report?.status === 200 ? report.document : null;
    const trail = this.past.trail(view.selected, view.nowMs, 60_000);
    const canvas = el('canvas', {class: 'plot', role: 'img',
      'aria-label': `Speed over the last minute, now ${seen ? kmh(seen.speed) : 'not known'}`});
    const mine = view.commands.filter(command => command.vehicle === view.selected).sort((a, b) => b.issuedMs - a.issuedMs);
    const conflicts = view.conflicts.filter(conflict => conflict.a === view.selected || conflict.b === view.selected);
    const streaming = document_
      ? document_.connected === false ? 'disconnected' : document_.fix_age_s > 3 ? `silent for ${fixed(document_.fix_age_s, 0)} s` : 'streaming'
      : report ? 'not known here' : '…';
    fill(this.body,
      el('h2', {}, view.selected),
      el('p', {}, seen ? `${intentOf(seen.state)}, ${kmh(seen.speed)} towards the ${towards(seen.heading)}`
        : view.live ? 'not on the map' : 'was not in view then'),
      el('div', {}, ...(seen ? chips(seen.state) : []).map(([text, tone]) => el('span', {class: 'chip', 'data-tone': tone}, text))),
      el('div', {class: 'row'},
        el('button', {class: 'small', 'aria-pressed': String(view.following), click: () => this.act.follow()}, 'Follow'),
        el('button', {class: 'small', click: () => { if (seen) this.act.goTo(seen.x, seen.y); }}, 'Centre'),
        el('button', {class: 'small', click: () => this.act.select('')}, 'Let go')),
      el('h3', {}, 'Last minute'), canvas,
      el('h3', {}, 'Link'),
      facts(['Is it streaming?', el('span', {class: 'chip', 'data-tone': streaming === 'streaming' ? 'good' : 'warn'}, streaming)],
        ['Newest fix', document_?.fix_age_s === undefined ? '–' : `${fixed(document_.fix_age_s, 2)} s old`],
        ['Samples held', whole(document_?.history?.samples)],
        ['Held up to sample', whole(document_?.history?.through_sequence)]),
      el('h3', {}, 'Collection plan'), planFacts(document_?.plan),
      el('h3', {}, 'Conflicts'),
      conflicts.length ? el('ul', {class: 'list'}, ...conflicts.map(conflict => this.conflictItem(conflict, view)))
        : el('p', {class: 'empty'}, 'none'),
      el('h3', {}, 'Commands, and why'),
      mine.length ? el('ul', {class: 'list'}, ...mine.slice(0, 12).map(command => this.commandItem(command, view)))
        : el('p', {class: 'empty'}, 'none in the last minutes'));
    const accent = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
    plot(canvas, trail.map(point => point.speed), accent, 5);
  }

  private ask(name: string): void {
    const now = performance.now();
    if (this.asking || (this.report?.name === name && now - this.askedMs < kReportEveryMs)) return;
    this.asking = true;
    this.askedMs = now;
    fetch(`/v1/vehicles/${encodeURIComponent(name)}`)
      .then(async response => {
        this.report = {name, document: await response.json(), status: response.status, atMs: Date.now()};
      })
      .catch(() => { /* The connection's own state says it. */ })
      .finally(() => { this.asking = false; });
  }
}

function planFacts(plan: any): HTMLElement {
  if (!plan || (!plan.wanted && !plan.in_force && !plan.said)) return el('p', {class: 'empty'}, 'the built-in one');
  const name = (of: any) => (of ? `${of.name ? `${of.name} ` : ''}v${of.version} (${String(of.hash).slice(0, 8)})` : '–');
  return facts(['Wanted', name(plan.wanted)], ['In force', name(plan.in_force)],
    ['It says', plan.said ? `${plan.said.verdict}${plan.said.detail ? `: ${plan.said.detail}` : ''}` : '–']);
}

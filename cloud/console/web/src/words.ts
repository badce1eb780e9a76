// States, conflicts and commands in words.
import {fixed} from './dom';
import type {Command, Conflict} from './model';
import {kAdvisedBit, kAvoidsBit, kConflictBit, kDisconnectedBit, kIntentMask, kIntents, kPlannedBit, kSilentBit} from './model';

export const kmh = (mps: number): string => `${Math.round(Math.abs(mps) * 3.6)} km/h`;

export function intentOf(state: number): string {
  return kIntents[state & kIntentMask] ?? kIntents[0];
}

const kPoints = ['north', 'north-east', 'east', 'south-east', 'south', 'south-west', 'west', 'north-west'];
export function towards(rad: number): string {
  const degrees = ((rad * 180 / Math.PI) % 360 + 360) % 360;
  return `${kPoints[Math.round(degrees / 45) % 8]}, ${Math.round(degrees)}°`;
}

export function chips(state: number): [string, string][] {
  const out: [string, string][] = [];
  if (state & kConflictBit) out.push(['in a conflict', 'bad']);
  if (state & kAvoidsBit) out.push(['told to avoid', 'told']);
  if (state & kAdvisedBit) out.push(['told to slow down', 'told']);
  if (state & kSilentBit) out.push(['silent', 'warn']);
  if (state & kDisconnectedBit) out.push(['disconnected', 'warn']);
  if (state & kPlannedBit) out.push(['has told its way', '']);
  return out;
}

export function kindOf(command: Command): string {
  return ['', 'Speed advice', 'Avoidance', 'Release'][command.kind] ?? `Kind ${command.kind}`;
}

export function stateOf(command: Command): string {
  if (command.state === 'sent') return 'in flight';
  return command.state === 'answered' ? 'in force' : 'over';
}

export function toldWhat(command: Command): string {
  if (command.kind === 3) return 'drive on as you like';
  return `at most ${kmh(command.ceiling)}, braking with ${fixed(command.decel, 1)} m/s²`;
}

export function why(command: Command, conflict: Conflict | undefined): string {
  const cause = command.causeVehicle
    ? `caused by sample ${command.causeSequence} of ${command.causeVehicle}` : 'found at a regular look';
  if (command.kind === 1) return `Cell ${command.cellX}, ${command.cellY} ahead is congested; ${cause}.`;
  if (command.kind === 3) return `The conflict is over; ${cause}.`;
  if (!conflict) return `To keep clear of another vehicle; ${cause}.`;
  const other = conflict.a === command.vehicle ? conflict.b : conflict.a;
  return `Would meet ${other} otherwise (${fixed(conflict.drac, 1)} m/s² would be needed); ${cause}.`;
}

export function yields(conflict: Conflict): string {
  if (conflict.yields === 2) return 'both brake';
  return `${conflict.yields === 0 ? conflict.a : conflict.b} gives way`;
}

// What the signs and the keys mean.
import {el} from './dom';

const kKeys: [string, string][] = [
  ['← ↑ → ↓', 'move the map'], ['+ −', 'zoom'], ['0', 'the whole fleet'], ['N, Shift N', 'next, previous vehicle'],
  ['C, Shift C', 'next, previous conflict'], ['F', 'follow the vehicle'], ['/', 'find a vehicle by name'],
  ['Esc', 'let go of it'], ['Space', 'pause, play'], [', .', 'a second back, on'], ['L', 'back to now'],
  ['H', 'heatmap'], ['T', 'light or dark'], ['1 2 3 4', 'fleet, conflicts, commands, vehicle'], ['?', 'this']
];

const kArrow = 'M12 2l7 19-7-4-7 4z';
const kSigns: [string, string][] = [
  [`<path d="${kArrow}" fill="var(--accent)"/>`, 'drives'],
  ['<path d="M9 2c6 3 9 8 9 19l-6-4-7 2c1-6 3-10 4-17z" fill="var(--accent)"/>', 'is about to turn'],
  [`<path d="${kArrow}" fill="var(--warn)" transform="translate(3 0) scale(.75)"/><path d="M4 20h16" stroke="var(--warn)" stroke-width="3"/>`, 'brakes'],
  ['<rect x="7" y="7" width="10" height="10" fill="var(--soft)"/>', 'stands'],
  [`<path d="${kArrow}" fill="none" stroke="var(--soft)" stroke-width="2"/>`, 'silent or disconnected'],
  ['<circle cx="12" cy="12" r="10" fill="none" stroke="var(--told)" stroke-width="1.5"/><path d="M12 5l4 13-4-2.500-4 2.500z" fill="var(--told)"/>', 'told to slow down'],
  ['<circle cx="12" cy="12" r="9.500" fill="none" stroke="var(--told)" stroke-width="4"/><path d="M12 6l3 11-3-2-3 2z" fill="var(--told)"/>', 'told to avoid somebody'],
  ['<circle cx="12" cy="12" r="10" fill="none" stroke="var(--bad)" stroke-width="2.500" stroke-dasharray="4 4"/><path d="M12 5l4 13-4-2.500-4 2.500z" fill="var(--bad)"/>', 'in a conflict'],
  ['<circle cx="12" cy="12" r="10" fill="none" stroke="var(--bad)" stroke-width="2.500"/><path d="M7 7l10 10M17 7L7 17" stroke="var(--bad)" stroke-width="2.500"/>', 'where two would meet'],
  ['<path d="M2 20L22 6" stroke="var(--bad)" stroke-width="4"/><path d="M2 6l20 14" stroke="var(--bad)" stroke-width="1.500"/>', 'predicted ways; the thin one gives way'],
  ['<rect x="2" y="2" width="20" height="20" fill="var(--warn)" opacity=".3"/><path d="M2 10l8-8M2 18L18 2M6 22L22 6M14 22l8-8" stroke="var(--bad)" stroke-width="2"/>', 'congested: the denser, the slower']
];

export function fillHelp(dialog: HTMLDialogElement): void {
  const keys = el('div', {class: 'keys'});
  for (const [key, what] of kKeys) keys.append(el('div', {}, el('kbd', {}, key), ` ${what}`));
  const signs = el('ul', {class: 'signs'});
  for (const [drawing, what] of kSigns) {
    const item = el('li');
    item.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${drawing}</svg>`;
    item.append(el('span', {}, what));
    signs.append(item);
  }
  dialog.append(
    el('h2', {id: 'help-title'}, 'Keys and signs'), el('h3', {}, 'On the map'), signs, el('h3', {}, 'Keys'), keys,
    el('p', {class: 'row'}, el('button', {class: 'small', autofocus: true, click: () => dialog.close()}, 'Close'),
       el('a', {class: 'small', href: '/licences.txt'}, 'Licences'))
  );
}

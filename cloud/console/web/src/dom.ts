// Small words for making a document.
type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, string | number | boolean | undefined | (() => void)>;

export function find<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no #${id}`);
  return found as T;
}

export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {},
                                                          ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.onclick = value;
    else if (value === true) node.setAttribute(name, '');
    else if (value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

// Makes what is within the same as `children`.  What has not changed stays the same element: a button under a pointer is
// still there when it is let go, and the focus stays.
export function fill(parent: HTMLElement, ...children: Child[]): void {
  const wanted = children.filter(child => child !== null && child !== undefined && child !== false)
    .map(child => (child instanceof Node ? child : document.createTextNode(String(child))));
  match(parent, wanted);
}

function match(parent: Node, wanted: readonly Node[]): void {
  wanted.forEach((node, i) => {
    const held = parent.childNodes[i];
    if (!held) parent.appendChild(node);
    else if (!became(held, node)) parent.replaceChild(node, held);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild!.remove();
}

// False if one cannot be made of the other.
function became(held: Node, wanted: Node): boolean {
  if (held.nodeName !== wanted.nodeName || held instanceof HTMLCanvasElement) return false;
  if (!(held instanceof HTMLElement) || !(wanted instanceof HTMLElement)) {
    if (held.nodeValue !== wanted.nodeValue) held.nodeValue = wanted.nodeValue;
    return held.nodeType === Node.TEXT_NODE;
  }
  for (const {name} of [...held.attributes]) if (!wanted.hasAttribute(name)) held.removeAttribute(name);
  for (const {name, value} of wanted.attributes) if (held.getAttribute(name) !== value) held.setAttribute(name, value);
  held.onclick = wanted.onclick;
  match(held, [...wanted.childNodes]);
  return true;
}

export function facts(...pairs: [string, Child][]): HTMLElement {
  const list = el('dl', {class: 'facts'});
  for (const [name, value] of pairs) list.append(el('dt', {}, name), el('dd', {}, value));
  return list;
}

const kWhole = new Intl.NumberFormat('en-GB', {maximumFractionDigits: 0});
export const whole = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? '–' : kWhole.format(value).replace(/,/g, '\u202f');
export const fixed = (value: number | undefined, digits: number): string =>
  value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits);
export const clock = (ms: number): string => new Date(ms).toLocaleTimeString('en-GB');
export const ago = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
};

// A line without axes: only how it goes.
export function plot(canvas: HTMLCanvasElement, values: readonly number[], colour: string, floor = 0): void {
  const ratio = window.devicePixelRatio || 1;
  const wide = canvas.clientWidth || 140, high = canvas.clientHeight || 26;
  canvas.width = wide * ratio;
  canvas.height = high * ratio;
  const pen = canvas.getContext('2d');
  if (!pen || values.length < 2) return;
  pen.scale(ratio, ratio);
  const most = Math.max(floor, ...values) || 1;
  pen.beginPath();
  values.forEach((value, i) => pen.lineTo(1 + i / (values.length - 1) * (wide - 2), high - 2 - value / most * (high - 5)));
  pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  pen.stroke();
  pen.lineTo(wide - 1, high);
  pen.lineTo(1, high);
  pen.globalAlpha = 0.14;
  pen.fillStyle = colour;
  pen.fill();
}

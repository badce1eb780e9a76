#pragma once

namespace starling::sim {

// Orange is without commands and blue with them, everywhere; no two things differ by colour alone.
// Colours: M. Okabe, K. Ito: Color Universal Design, 2008, made darker or lighter for thin lines.
inline constexpr const char* kPageStyle = R"(
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1c2127; --muted: #5d6670; --grid: #e4e7eb; --zero: #8b949e;
  --lane: #c3c9d0; --good: #eef2f6; --slope: #98a1ab; --without: #c85a00; --with: #0068a8; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14181d; --ink: #e5e8ec; --muted: #9da6b0; --grid: #2a3037; --zero: #78818b;
    --lane: #48515b; --good: #1e252d; --slope: #6b7580; --without: #f0a030; --with: #5ab4ee; } }
@media print { :root { color-scheme: light; } section { break-inside: avoid; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1064px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 0 0 4px; }
h3 { font-size: 15px; line-height: 1.35; margin: 0; overflow-wrap: anywhere; }
p { margin: 0 0 8px; max-width: 76ch; overflow-wrap: anywhere; }
section { margin-top: 44px; }
.lede { color: var(--muted); font-size: 17px; }
.note, figcaption, .small { color: var(--muted); font-size: 14px; }
figure { margin: 12px 0 0; }
figcaption, p.note { margin-top: 10px; max-width: 104ch; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
.slopes { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 28px 24px; margin-top: 16px; }
.slopes figure { margin: 0; display: flex; flex-direction: column; }
.slopes svg { max-width: 420px; }
.slopes .small { margin: 0 0 4px; flex-grow: 1; }
.scroll { overflow-x: auto; margin-top: 12px; } .wide svg { min-width: 720px; }
table { border-collapse: collapse; font-size: 14px; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 0 5px 14px; border-bottom: 1px solid var(--grid); white-space: nowrap; vertical-align: top; }
th { color: var(--muted); font-weight: 600; }
thead th { vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; min-width: 11em; overflow-wrap: anywhere; }
td.finding, th.finding { text-align: left; }
.runs th, .runs td { min-width: 0; }
pre { overflow-x: auto; font-size: 13px; line-height: 1.45; padding: 12px 14px; margin: 8px 0; background: var(--good); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
ul { margin: 8px 0; padding-left: 22px; max-width: 80ch; }
li { margin-bottom: 4px; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 8px 0; font-size: 14px; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
.key { font-weight: 600; } .key.without { color: var(--without); } .key.middle { color: var(--ink); } .key.with { color: var(--with); }
text { font-size: 13px; fill: var(--ink); }
text.tick, text.head, text.muted { fill: var(--muted); } text.head { font-size: 12px; }
text.number, text.tick { font-variant-numeric: tabular-nums; }
text.strong { font-weight: 650; }
text.halo { paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; }
text.without-text { fill: var(--without); font-weight: 600; } text.with-text { fill: var(--with); font-weight: 600; }
.grid { stroke: var(--grid); stroke-width: 1; } .zero { stroke: var(--zero); stroke-width: 1.2; } .rule { stroke: var(--muted); stroke-width: 1.2; }
.good-side { fill: var(--good); }
.whisker { stroke: var(--ink); stroke-width: 1.8; } .open { stroke-dasharray: 3 4; }
.point { fill: var(--ink); stroke: var(--ink); stroke-width: 1.8; } .hollow { fill: var(--ground); }
.ink-fill { fill: var(--ink); } .without-fill { fill: var(--without); } .with-fill { fill: var(--with); }
.slope { stroke: var(--slope); fill: none; } .w1 { stroke-width: 1.2; } .w2 { stroke-width: 2.2; } .w3 { stroke-width: 3.2; } .w4 { stroke-width: 4.2; }
.mean { stroke: var(--ink); stroke-width: 2.6; } .mean-point { fill: var(--ink); stroke: var(--ground); stroke-width: 1.2; }
.band { opacity: 0.2; } .series { fill: none; stroke-width: 2; stroke-linejoin: round; }
.without-line { stroke: var(--without); } .with-line { stroke: var(--with); } .ink-line, .middle-line { stroke: var(--ink); }
.frame { fill: none; stroke: var(--grid); } .lanes { fill: none; stroke: var(--lane); stroke-width: 0.9; stroke-linejoin: round; }
.miss { fill-opacity: 0.3; stroke-width: 1.2; stroke-opacity: 0.9; }
.without-mark { fill: var(--without); stroke: var(--without); } .with-mark { fill: var(--with); stroke: var(--with); }
.middle-mark { fill: var(--ink); stroke: var(--ink); }
.ink-mark { fill: var(--muted); stroke: var(--muted); }
.collision { stroke: var(--ground); stroke-width: 1.2; }
)";

}  // namespace starling::sim

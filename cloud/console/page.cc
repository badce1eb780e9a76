#include "cloud/console/page.h"

namespace starling::cloud {

std::string_view Page() {
  return R"html(<!doctype html>
<meta charset="utf-8"><title>Starling</title>
<style>
 body{margin:0;background:#10141a;color:#cdd6e0;font:14px/1.4 system-ui,sans-serif}
 header{padding:8px 12px;display:flex;gap:24px;flex-wrap:wrap}
 b{color:#fff;font-variant-numeric:tabular-nums} canvas{display:block;margin:0 auto}
 #state{color:#e0a030}
</style>
<header><span><b>Starling</b></span><span>vehicles <b id="vehicles">-</b></span>
<span>fixes/s <b id="fixes">-</b></span><span>open conflicts <b id="conflicts">-</b></span>
<span>congested cells <b id="congested">-</b></span><span>commands <b id="commands">-</b></span>
<span id="state"></span></header><canvas id="map"></canvas>
<script>
const $ = id => document.getElementById(id), map = $('map'), pen = map.getContext('2d');
const get = path => fetch(path).then(r => r.json());
let before = null;
async function draw() {
  try {
    const [stats, heat, open] =
      [await get('/v1/stats'), await get('/v1/heatmap'), await get('/v1/conflicts')];
    const now = performance.now();
    $('vehicles').textContent = stats.gateway.connections;
    if (before) $('fixes').textContent =
      Math.round((stats.shard.fixes - before.fixes) * 1000 / (now - before.now));
    before = {fixes: stats.shard.fixes, now};
    $('conflicts').textContent = open.conflicts.length;
    $('congested').textContent = heat.cells.filter(c => c.congested).length;
    $('commands').textContent = stats.shard.speed_advice_issued + stats.shard.avoidance_issued;
    $('state').textContent = '';
    const xs = heat.cells.map(c => c.x), ys = heat.cells.map(c => c.y);
    const west = Math.min(...xs), north = Math.max(...ys);
    const wide = Math.max(...xs) - west + 1, high = north - Math.min(...ys) + 1;
    const side = Math.max(2, Math.floor(Math.min(innerWidth / wide, (innerHeight - 60) / high)));
    map.width = Math.max(1, wide * side || 1); map.height = Math.max(1, high * side || 1);
    for (const c of heat.cells) {
      const hue = 130 - 130 * c.congestion, light = Math.min(60, 18 + 4 * c.vehicles);
      pen.fillStyle = `hsl(${hue} 80% ${light}%)`;
      pen.fillRect((c.x - west) * side, (north - c.y) * side, side - 1, side - 1);
    }
    pen.strokeStyle = '#fff';
    for (const k of open.conflicts) {
      pen.beginPath();
      pen.arc((k.x_m / heat.cell_side_m - west) * side,
              (north + 1 - k.y_m / heat.cell_side_m) * side, 4, 0, 7);
      pen.stroke();
    }
  } catch (e) { $('state').textContent = 'no answer'; }
  setTimeout(draw, 500);
}
draw();
</script>
)html";
}

}  // namespace starling::cloud

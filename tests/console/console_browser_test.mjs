// The console as a person sees it: a real Chromium, a real orchestrator, a simulated fleet.
//   node tests/console/console_browser_test.mjs --bin build/release/bin --web FOLDER [--picture FILE] [--vehicles N]
// FOLDER has cloud/console/web's node_modules, with those for development.  --picture also writes FILE and, for the light
// theme, FILE with -light in its name.
import assert from 'node:assert/strict';
import {parseArgs} from 'node:util';
import {Scene, eventually, pause} from './scene.mjs';

const {values} = parseArgs({options: {
  bin: {type: 'string'}, web: {type: 'string'}, picture: {type: 'string'}, vehicles: {type: 'string', default: '400'}
}});
if (!values.bin || !values.web) throw new Error('--bin and --web are needed');

const scene = new Scene(values.bin, values.web);
const vehicles = Number(values.vehicles);
let passed = 0;
let page;
let failure = null;

async function claim(what, check) {
  const began = Date.now();
  await check();
  ++passed;
  console.log(`ok ${passed} - ${what} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
}

const linkText = () => page.locator('#link .words').textContent();
const headline = async name => {
  const at = page.locator('#headline div').filter({has: page.locator('dt', {hasText: name})}).locator('dd');
  return Number((await at.first().textContent()).replace(/\s/g, ''));
};
const view = () => page.evaluate(() => window.starling.view());
const screenOf = name => page.evaluate(wanted => window.starling.screenOf(wanted), name);
const badge = tab => page.locator(`#tab-${tab} b`).textContent().then(Number);

// Whether the map shows more than its ground: the share of pixels that are not the most common one.
async function drawnShare() {
  const box = await page.locator('#canvas').boundingBox();
  const png = await page.screenshot({clip: {x: box.x + 80, y: box.y + 60, width: box.width - 160, height: box.height - 120}});
  return page.evaluate(async bytes => {
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], {type: 'image/png'}));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const pen = canvas.getContext('2d');
    pen.drawImage(bitmap, 0, 0);
    const data = new Uint32Array(pen.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
    const counts = new Map();
    for (const pixel of data) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return 1 - Math.max(...counts.values()) / data.length;
  }, [...png]);
}

// Somebody in the middle of the map, whom nothing covers.
async function someone() {
  return page.evaluate(() => {
    const box = document.getElementById('canvas').getBoundingClientRect();
    for (let i = 1; i <= 99_999; ++i) {
      const name = `veh-${String(i).padStart(5, '0')}`;
      const at = window.starling.screenOf(name);
      if (!at && i > 20_000) return null;
      if (at && at[0] > 100 && at[0] < box.width - 100 && at[1] > 60 && at[1] < box.height - 60) return name;
    }
    return null;
  });
}

try {
  scene.makeFleet(vehicles);
  await scene.startCloud();
  scene.startFleet(600);
  await scene.allConnected(120);
  const browser = await scene.openBrowser();
  const context = await browser.newContext({viewport: {width: 1440, height: 860}, colorScheme: 'dark'});
  // A browser that draws without a GPU, beside others, is slow.
  context.setDefaultTimeout(60_000);
  page = await context.newPage();
  const errors = [];
  const elsewhere = [];
  page.on('pageerror', error => errors.push(error.message));
  page.on('console', message => {
    if (message.type() === 'error' && !/WebSocket connection|Failed to load resource/.test(message.text())) errors.push(message.text());
  });
  page.on('request', request => { if (!request.url().startsWith(scene.url) && !request.url().startsWith('data:') && !request.url().startsWith('blob:')) elsewhere.push(request.url()); });

  await claim('the page opens, is live, and shows the whole fleet', async () => {
    await page.goto(scene.url);
    await eventually('the page says live', 30, async () => (await linkText()) === 'live');
    await eventually('the fleet is there', 30, async () => (await headline('vehicles')) === vehicles);
    await eventually('all of it is in view', 30, async () => (await headline('in view')) === vehicles);
    await eventually('something is drawn', 90, async () => (await drawnShare()) > 0.02);
  });

  await claim('it loads nothing from elsewhere', async () => assert.deepEqual(elsewhere, []));

  await claim('dragging, the wheel and keys move the map', async () => {
    const before = await view();
    await page.mouse.move(700, 450);
    await page.mouse.down();
    await page.mouse.move(600, 400, {steps: 8});
    await page.mouse.up();
    await eventually('the map has moved', 5, async () => Math.abs((await view()).target[0] - before.target[0]) > 10);
    const zoom = (await view()).zoom;
    await page.mouse.wheel(0, -400);
    await eventually('the map is nearer', 5, async () => (await view()).zoom > zoom + 0.1);
    await page.keyboard.press('0');
    const fitted = await view();
    await page.keyboard.press('ArrowRight');
    await eventually('a key moves it', 5, async () => (await view()).target[0] > fitted.target[0]);
    await page.keyboard.press('+');
    await eventually('a key takes it nearer', 5, async () => (await view()).zoom > fitted.zoom);
    await page.keyboard.press('0');
  });

  await claim('a click on a vehicle shows its link, its last minute and its plan', async () => {
    const chosen = await eventually('somebody can be clicked', 10, someone);
    // Near enough that it is alone under the pointer.
    await page.fill('#find-name', chosen);
    await page.press('#find-name', 'Enter');
    await eventually('it is found by name', 10, async () => (await page.locator('#panel-body h2').textContent()) === chosen);
    await page.getByRole('button', {name: 'Let go'}).click();
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    await eventually('a click takes it', 20, async () => {
      const at = await screenOf(chosen);
      const box = await page.locator('#canvas').boundingBox();
      await page.mouse.click(box.x + at[0], box.y + at[1]);
      await pause(300);
      return (await page.locator('#panel-body h2').textContent({timeout: 3000})) === chosen;
    });
    await eventually('it is streaming', 10, async () => (await page.locator('#panel-body').textContent()).includes('streaming'));
    const text = await page.locator('#panel-body').textContent();
    for (const word of ['Last minute', 'Newest fix', 'Collection plan', 'Commands, and why']) assert.ok(text.includes(word), word);
    assert.match(text, /km\/h towards the/);
    assert.equal(await page.locator('#tag').textContent(), chosen);
    await page.keyboard.press('Escape');
    await page.keyboard.press('0');
  });

  await claim('a conflict appears with who gives way, and a command with its reason', async () => {
    await eventually('a conflict is open', 90, async () => (await badge('conflicts')) > 0);
    await page.keyboard.press('2');
    await eventually('the list has one', 60, async () => {
      const text = await page.locator('#panel-body .item').first().textContent({timeout: 2000});
      return /gives way|both brake/.test(text) && /m\/s² needed/.test(text);
    });
    await page.keyboard.press('3');
    await eventually('the list has one', 90, async () => {
      const text = await page.locator('#panel-body .item').first().textContent({timeout: 2000});
      return /(Speed advice|Avoidance|Release): veh-/.test(text) && /caused by sample|regular look/.test(text);
    });
  });

  await claim('figures, the ledger and no alert', async () => {
    await page.keyboard.press('1');
    await eventually('the ledger has samples', 20, async () => {
      const text = await page.locator('#panel-body').textContent();
      return /Samples held[1-9]/.test(text) && text.includes('Sample to command, p50');
    });
  });

  await claim('the time bar goes back, plays, and returns to now', async () => {
    await eventually('there is a past', 30, () => page.evaluate(() => window.starling.account().pastMoments > 8));
    await page.keyboard.press(',');
    await page.keyboard.press(',');
    await page.keyboard.press(',');
    await eventually('it is the past', 5, async () => (await linkText()) === 'showing the past');
    await eventually('the clock says how long ago', 5, async () => /\u2212[2-9] s/.test(await page.locator('#clock').textContent()));
    assert.ok((await drawnShare()) > 0.02);
    await page.keyboard.press('l');
    await eventually('it is now again', 5, async () => (await linkText()) === 'live');
  });

  await claim('light and dark, and help', async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await page.keyboard.press('t');
    assert.notEqual(await ground(), dark);
    await page.keyboard.press('t');
    assert.equal(await ground(), dark);
    await page.keyboard.press('?');
    assert.ok(await page.getByRole('heading', {name: 'Keys and signs'}).isVisible());
    await page.keyboard.press('Escape');
    await eventually('it is closed', 3, async () => !(await page.getByRole('heading', {name: 'Keys and signs'}).isVisible()));
  });

  if (values.picture) {
    await page.setViewportSize({width: 1600, height: 900});
    for (const [theme, file] of [['dark', values.picture], ['light', values.picture.replace(/(\.png)?$/, '-light.png')]]) {
      await page.evaluate(wanted => { if (document.documentElement.dataset.theme !== wanted) document.getElementById('theme').click(); }, theme);
      await page.keyboard.press('Escape');
      await page.keyboard.press('0');
      await eventually('a conflict to be seen', 120, async () => {
        await page.keyboard.press('c');
        return (await page.locator('#panel-body .item').count()) > 0;
      });
      await page.evaluate(tab => window.starling.open(tab), theme === 'dark' ? 'fleet' : 'commands');
      for (let i = 0; i < (theme === 'dark' ? 3 : 1); ++i) await page.keyboard.press('-');
      await page.mouse.move(2, 2);
      await pause(1500);
      await page.screenshot({path: file});
      console.log(`picture ${file}`);
    }
    await page.evaluate(() => { if (document.documentElement.dataset.theme !== 'dark') document.getElementById('theme').click(); });
  }

  await claim('a lost orchestrator is said, and its return shows', async () => {
    await page.keyboard.press('0');
    scene.cloud.kill('SIGKILL');
    await eventually('the page says so', 15, async () => (await linkText()) === 'connection lost');
    assert.ok(await page.getByText('The orchestrator does not answer').isVisible());
    await scene.startCloud();
    await eventually('it is live again', 40, async () => (await linkText()) === 'live');
    await eventually('the message is gone', 5, async () => !(await page.locator('#banner').isVisible()));
    await eventually('and the fleet is back', 60, async () => (await headline('in view')) > vehicles * 0.9);
  });

  await claim('a narrow screen has all of it, and nothing runs over its edge', async () => {
    await page.setViewportSize({width: 390, height: 780});
    await pause(500);
    const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth));
    assert.ok(wide <= 390, `the page is ${wide} pixels wide`);
    for (const id of ['#canvas', '#tab-fleet', '#play', '#find-name', '#zoom-in']) {
      const box = await page.locator(id).boundingBox();
      assert.ok(box && box.x >= 0 && box.x + box.width <= 391 && box.y >= 0 && box.y < 780, `${id} cannot be seen`);
    }
    if (values.picture) await page.screenshot({path: values.picture.replace(/(\.png)?$/, '-narrow.png')});
  });

  await claim('nothing has failed in the page', async () => assert.deepEqual(errors, []));
} catch (error) {
  failure = error;
  console.error(`not ok ${passed + 1} - ${error.stack}`);
  if (page && process.env.STARLING_KEEP) {
    await page.screenshot({path: process.env.STARLING_KEEP}).catch(() => {});
  }
  for (const log of ['cloud.log', 'sim.log']) console.error(`---- ${log}\n${scene.log(log)}`);
} finally {
  await scene.close();
}
console.log(`${passed} passed, ${failure ? 1 : 0} failed`);
process.exit(failure ? 1 : 0);

// Draws dashboards in a browser: `node draw.mjs --prometheus http://127.0.0.1:9090 --boards FOLDER --to FOLDER BOARD…`
// Prints a line of JSON for each: its panels, those without data, and every failure. Needs `npm install`, `npm run build`.

import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prometheus: { type: 'string' },
    boards: { type: 'string' },
    to: { type: 'string' },
    theme: { type: 'string', default: 'dark' },
    scrape: { type: 'string', default: '15s' },
    duration: { type: 'string' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});

// No server: the browser asks a host that does not exist, and is answered from these folders and by Prometheus.
const HOST = 'http://preview.invalid/';
const HERE = import.meta.dirname;
const WIDTH = 1600;
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };

const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const board of positionals) {
    const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 }, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin' });
    const failures = new Set();
    const counts = { asked: 0, answered: 0, empty: 0 };
    page.on('pageerror', (error) => failures.add(`page: ${error.message}`));
    await page.route(`${HOST}**`, async (route) => {
      const url = new URL(route.request().url());
      const path = normalize(decodeURIComponent(url.pathname));
      try {
        if (path.startsWith('/api/')) {
          counts.asked += 1;
          const response = await route.fetch({ url: values.prometheus + path + url.search, timeout: 0 });
          const answer = await response.json();
          counts.answered += 1;
          if (answer.status !== 'success') {
            failures.add(`Prometheus: ${answer.error}: ${route.request().postData() ?? url.search}`);
          } else if (path.includes('/query') && answer.data.result.length === 0) {
            counts.empty += 1;
          }
          return await route.fulfill({ response });
        }
        const file = path.startsWith('/boards/') ? join(values.boards, path.slice('/boards/'.length)) : join(HERE, 'dist', path);
        const body = await readFile(file);
        await route.fulfill({ body, contentType: KINDS[extname(path)] ?? 'application/octet-stream' });
      } catch {
        await route.fulfill({ status: 404, body: 'not here' }).catch(() => {});
      }
    });
    const asked = new URLSearchParams({ board, theme: values.theme, scrape: values.scrape });
    if (values.duration) {
      asked.set('duration', values.duration);
    }
    const spec = JSON.parse(await readFile(join(values.boards, `${board}.json`), 'utf8')).spec;
    const open = spec.layouts.filter(({ spec }) => spec.display.collapse.open);
    const wanted = open.flatMap(({ spec }) => spec.items).length;
    await page.goto(`${HOST}index.html?${asked}`);
    await page.waitForSelector('[data-testid=panel]', { state: 'attached', timeout: 120_000 });
    // Panels query when they come into view.
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width: WIDTH, height: Math.max(height, 900) });
    await settled(page, counts);
    const panels = await page.locator('[data-testid=panel]').count();
    if (panels !== wanted) {
      failures.add(`${panels} of ${wanted} panels`);
    }
    // What Perses shows instead of a panel that fails.
    for (const alert of await page.locator('[data-testid=panel] [role=alert]').allInnerTexts()) {
      failures.add(`panel: ${alert}`);
    }
    const full = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width: WIDTH, height: full });
    await settled(page, counts);
    const name = values.theme === 'dark' ? board : `${board}-${values.theme}`;
    if (values.to) {
      await page.screenshot({ path: join(values.to, `${name}.png`) });
    }
    const drawn = await page.locator('[data-testid=panel] canvas').count();
    console.log(JSON.stringify({ board, panels, canvases: drawn, queries: counts.answered, empty: counts.empty, failures: [...failures] }));
    await page.close();
  }
} finally {
  await browser.close();
}

/** Waits until every query is answered and nothing on the page is still loading, twice in a row. */
async function settled(page, counts) {
  for (let calm = 0; calm < 2; ) {
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 500))));
    const loading = await page.locator('.MuiSkeleton-root, [role=progressbar]').count();
    calm = counts.asked === counts.answered && loading === 0 ? calm + 1 : 0;
  }
}

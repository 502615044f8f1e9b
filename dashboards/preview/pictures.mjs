// Takes a picture of each dashboard:
// `node pictures.mjs --prometheus http://127.0.0.1:9090 --to FOLDER [--from now-1h] [--width 390] BOARD…`
// Needs `npm ci`, `npm run build`, a Chromium (--chromium or the one on the path).

import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prometheus: { type: 'string' },
    to: { type: 'string' },
    from: { type: 'string' },
    width: { type: 'string', default: '1608' },
    theme: { type: 'string', default: 'dark' },
    scrape: { type: 'string', default: '15s' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});

// No server: the browser asks a host that does not exist, and is answered from these folders and by Prometheus.
const HOST = 'http://preview.invalid/';
const HERE = import.meta.dirname;
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml' };

async function answer(route) {
  const path = normalize(decodeURIComponent(new URL(route.request().url()).pathname));
  const file = path.startsWith('/boards/') ? join(HERE, '..', path.slice('/boards/'.length)) : join(HERE, 'dist', path);
  try {
    if (path.startsWith('/api/')) {
      // The browser keeps pages of other hosts away from local ones.
      return await route.fulfill({ response: await route.fetch({ url: values.prometheus + path, timeout: 0 }) });
    }
    const body = await readFile(file);
    await route.fulfill({ body, contentType: KINDS[extname(path)] ?? 'application/octet-stream' });
  } catch {
    await route.fulfill({ status: 404, body: 'not here' }).catch(() => {});
  }
}

const WIDTH = Number(values.width);
const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 }, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin' });
  await page.route(`${HOST}**`, answer);
  page.on('pageerror', (error) => console.error(`  page: ${error.message}`));
  for (const board of positionals) {
    const asked = new URLSearchParams({ board, theme: values.theme, scrape: values.scrape });
    if (values.from) {
      asked.set('from', values.from);
    }
    const started = performance.now();
    await page.setViewportSize({ width: WIDTH, height: 900 });
    await page.goto(`${HOST}index.html?${asked}`);
    await page.waitForSelector('html[data-drawn], html[data-failed]', { state: 'attached', timeout: 120_000 });
    const { failed, empty } = await page.evaluate(() => ({ ...document.documentElement.dataset }));
    if (failed) {
      throw new Error(`${board}: ${failed}`);
    }
    await page.evaluate(() => document.fonts.ready);
    // Tables draw only what is in view, a moment after it is.
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width: WIDTH, height });
    await page.waitForTimeout(500);
    const name = [board, ...(values.theme === 'dark' ? [] : [values.theme]), ...(WIDTH === 1608 ? [] : [WIDTH])].join('-');
    await page.screenshot({ path: join(values.to, `${name}.png`) });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${name}.png in ${seconds} s${empty ? `; empty: ${empty}` : ''}`);
  }
} finally {
  await browser.close();
}

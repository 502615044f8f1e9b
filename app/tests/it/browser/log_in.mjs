// Logs in and out as a person with a keyboard does, in a real browser, and prints what was seen as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { chromium, page: address, api, pictures, width, theme, name, password } = JSON.parse(process.argv[1]);
const require = createRequire(join(process.cwd(), 'package.json'));
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const browser = await require('playwright-core').chromium.launch({ executablePath: chromium, args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme: theme });
const page = await context.newPage();
const seen = { violations: [], errors: [], prompts: 0 };
page.on('pageerror', error => seen.errors.push(String(error)));
page.on('dialog', dialog => { seen.prompts += 1; dialog.dismiss(); });

// What is known of the person: a row for each source.
const rows = () => page.locator('#sync tbody tr').count();
const state = name => page.waitForSelector(`body[data-state=${name}]`);
const look = async what => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  seen.violations.push(...violations.map(it => `${what}: ${it.id}: ${it.nodes[0].html}`));
  if (pictures) await page.screenshot({ path: join(pictures, `${what}-${width}-${theme}.png`) });
};
const type = async (who, secret) => {
  await page.fill('input[name=name]', '');
  await page.focus('input[name=name]');
  await page.keyboard.type(who);
  await page.keyboard.press('Tab');
  await page.keyboard.type(secret);
  await page.keyboard.press('Enter');
};

await page.goto(address);
await state('log-in');
seen.heading = await page.textContent('#please');
seen.focused = await page.evaluate(() => document.activeElement.name);
seen.wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
await look('form');

await type(name, 'a wrong password');
await page.waitForFunction(() => document.querySelector('#refused').textContent);
seen.refusal = await page.textContent('#refused');
await look('refused');

await page.keyboard.press('Control+A');
await page.keyboard.type(password);
await page.keyboard.press('Enter');
await state('ready');
await look('ready');
seen.account = (await page.textContent('#me span')).trim();
seen.cookies = (await context.cookies()).map(({ name, httpOnly, sameSite, secure }) => ({ name, httpOnly, sameSite, secure }));
seen.scripts_see = await page.evaluate(() => document.cookie + localStorage.length + sessionStorage.length);
seen.rows = await rows();
await page.reload();
await state('ready');

await page.focus('#me button');
await page.keyboard.press('Enter');
await state('log-in');
seen.rows_after = await rows();
seen.cookies_after = (await context.cookies()).length;

await type(name, password);
await state('ready');
const headers = { 'content-type': 'application/json' };
const login = await fetch(`${api}/api/v1/auth/login`, { method: 'POST', headers, body: JSON.stringify({ name, password }) });
const authorization = `Bearer ${(await login.json()).access_token}`;
await fetch(`${api}/api/v1/auth/logout`, { method: 'POST', headers: { authorization } });
await state('log-in');
seen.ended = await page.textContent('#refused');
seen.rows_ended = await rows();
await browser.close();
console.log(JSON.stringify(seen));

// Logs in at an identity provider, in a real browser, and prints what was seen as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { chromium, page: address, pictures, down, name, password } = JSON.parse(process.argv[1]);
const require = createRequire(join(process.cwd(), 'package.json'));
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const browser = await require('playwright-core').chromium.launch({ executablePath: chromium, args: ['--no-sandbox'] });
const seen = {};

/** A page of a browser that knows nothing yet, where the form is shown. */
const visit = async (width = 390, colorScheme = 'light') => {
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme });
  // What the provider's own pages load from elsewhere.
  await context.route(url => url.hostname !== '127.0.0.1', route => route.abort());
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForSelector('body[data-state=log-in]');
  return page;
};
const click = page => page.click('#provider a');
const atProvider = async (page, who) => {
  await page.fill('input[name=login]', who);
  await page.fill('input[name=password]', 'anything');
  await page.keyboard.press('Enter');
  await page.waitForSelector('input[name=prompt][value=consent]', { state: 'attached' });
  await page.click('button[type=submit]');
};
const sentence = async page => {
  await page.waitForFunction(() => document.querySelector('#refused')?.textContent);
  return page.textContent('#refused');
};

if (down) {
  const page = await visit();
  await click(page);
  seen.sentence = await sentence(page);
  if (pictures) await page.screenshot({ path: join(pictures, 'provider-down-390-light.png') });
  await page.fill('input[name=name]', name);
  await page.fill('input[name=password]', password);
  await page.keyboard.press('Enter');
  await page.waitForSelector('body[data-state=ready]');
  seen.account = await page.textContent('#me span');
} else {
  seen.violations = [];
  for (const [width, theme] of [[390, 'light'], [390, 'dark'], [1280, 'light'], [1280, 'dark']]) {
    const page = await visit(width, theme);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document));
    seen.violations.push(...violations.map(it => `${it.id}: ${it.nodes[0].html}`));
    if (pictures) await page.screenshot({ path: join(pictures, `provider-${width}-${theme}.png`) });
  }
  const page = await visit();
  seen.button = await page.textContent('#provider a');
  await click(page);
  await atProvider(page, 'ann');
  await page.waitForSelector('body[data-state=ready]');
  seen.account = await page.textContent('#me span');
  seen.address = page.url();
  seen.rows = await page.locator('#sync tbody tr').count();
  seen.cookies = (await page.context().cookies()).filter(it => it.name.includes('myhealth'))
    .map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));
  await page.click('#me button');
  await page.waitForSelector('body[data-state=log-in]');
  await click(page);
  await page.waitForSelector('body[data-state=ready]');
  seen.again = await page.textContent('#me span');

  const stranger = await visit();
  await click(stranger);
  await atProvider(stranger, 'eve');
  seen.stranger = await sentence(stranger);
  const cancelled = await visit();
  await click(cancelled);
  await cancelled.click('text=Cancel');
  seen.cancelled = await sentence(cancelled);
  seen.cancelled_address = cancelled.url();
  const replayed = await visit();
  await replayed.goto(`${address}api/v1/auth/sso/callback?code=x&state=y&session_state=z`);
  seen.replayed = await sentence(replayed);
}
await browser.close();
console.log(JSON.stringify(seen));

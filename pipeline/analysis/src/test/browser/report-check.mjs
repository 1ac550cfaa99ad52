// Opens a report in headless Chromium and uses it as a reader does: node report-check.mjs REPORT SCREENSHOTS CHROMIUM
// Exits with 1 at the first thing that is not as it should be. puppeteer-core is found beside this file or in NODE_PATH.
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.METIER_BROWSER_TOOLS + "/");
const puppeteer = require("puppeteer-core");
const [report, screenshots, chromium] = process.argv.slice(2);

function check(condition, what) {
  if (!condition) throw new Error(what);
}

const overflow = page => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

async function open(browser, width, height, scheme, problems) {
  const page = await browser.newPage();
  await page.setViewport({ width, height, isMobile: width < 600, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  page.on("pageerror", error => problems.push("error: " + error.message));
  page.on("console", message => { if (["error", "warning"].includes(message.type())) problems.push(message.type() + ": " + message.text()); });
  page.on("request", request => { if (!/^(file|data|blob):/.test(request.url())) problems.push("loads " + request.url()); });
  await page.goto(pathToFileURL(report).href, { waitUntil: "load" });
  await page.waitForSelector("#heat svg");
  return page;
}

const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: true,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--allow-file-access-from-files"],
});
const problems = [];
try {
  mkdirSync(screenshots, { recursive: true });
  const page = await open(browser, 1200, 900, "light", problems);

  for (const section of ["experts", "information", "control", "ablation", "losses", "training", "saturation"]) {
    check(await page.$eval("#" + section, node => !node.hidden), `the section ${section} is not shown`);
  }
  for (const chart of ["heat", "informationchart", "controlchart", "ablationchart", "losschart", "curve", "balance", "saturationchart"]) {
    const paths = await page.$$eval(`#${chart} svg path, #${chart} svg rect`, nodes => nodes.length);
    check(paths > 3, `the chart ${chart} is empty`);
  }

  // The slider by keyboard alone: tabs lead to it, Home and arrows move it, and all that it governs follows.
  const layers = Number(await page.$eval("#layer", node => node.max)) + 1;
  for (let tabs = 0; tabs < 40 && !(await page.evaluate(() => document.activeElement.id === "layer")); tabs++) {
    await page.keyboard.press("Tab");
  }
  check(await page.evaluate(() => document.activeElement.id === "layer"), "40 tabs do not lead to the slider");
  await page.keyboard.press("Home");
  for (let layer = 0; layer < layers; layer++) {
    const shown = await page.evaluate(() => ({
      name: document.getElementById("layername").textContent,
      words: document.getElementById("layer").getAttribute("aria-valuetext"),
      chart: document.getElementById("heat").getAttribute("aria-label"),
      cards: document.querySelectorAll("#cards li").length,
    }));
    check(shown.name === String(layer), `the slider at ${layer} says layer ${shown.name}`);
    check(shown.words.startsWith(`layer ${layer} of`), `a screen reader hears ${shown.words}`);
    check(shown.chart.includes(`of layer ${layer};`), `the heat map is ${shown.chart}`);
    check(shown.cards > 0, `layer ${layer} has no expert cards`);
    // the last layer has none after it
    const ways = await page.$$eval("#flowchart svg path", nodes => nodes.length);
    check(layer === layers - 1 || ways > 3, `there are no ways from layer ${layer}`);
    const missing = await page.$$eval(".missing", nodes => nodes.map(node => node.textContent).join(" "));
    const mapped = await page.$$eval("#map svg path", nodes => nodes.length);
    check(missing.includes("router_map") || mapped > 3, `the routers of layer ${layer} are on no map`);
    await page.keyboard.press("ArrowRight");
  }
  await page.focus("#share");
  await page.keyboard.press("ArrowRight");
  check(await page.$eval("#lift", node => node.checked), "the colour cannot be changed by keyboard");
  check((await overflow(page)) <= 0, "a wide page scrolls sideways");
  await page.screenshot({ path: screenshots + "/report-light.png", fullPage: true });

  const dark = await open(browser, 1200, 900, "dark", problems);
  const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const night = await dark.evaluate(() => getComputedStyle(document.body).backgroundColor);
  check(light !== night, "dark is as bright as light");
  await dark.screenshot({ path: screenshots + "/report-dark.png", fullPage: true });

  const phone = await open(browser, 360, 740, "light", problems);
  await phone.screenshot({ path: screenshots + "/report-phone.png", fullPage: true });
  const wider = await overflow(phone);
  check(wider <= 0, `on a phone the page is ${wider} pixels too wide`);
  check(problems.length === 0, problems.join("\n"));
} finally {
  await browser.close();
}
console.log(`${report}: ok`);

"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const cells = data.cells;
  const base = cells.find(cell => cell.cell === data.baseline);
  const $ = id => document.getElementById(id);
  const charts = {};
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const fixed = (n, digits) => (n == null ? "–" : n.toFixed(digits));
  const mean = numbers => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  const escaped = text => String(text).replace(/[&<>"']/g, c => escapes[c]);
  const names = cells.map(cell => cell.cell);
  const of = (cell, key) => cell.runs.map(run => run[key]);
  const twin = run => base.runs.find(other => other.seed === run.seed);

  function element(name, parent, text, attributes = {}) {
    const node = document.createElement(name);
    if (text != null) node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent.append(node);
    return node;
  }

  // Colours come from the style sheet, so that light and dark are defined once.
  function theme() {
    const css = getComputedStyle(document.documentElement);
    const get = name => css.getPropertyValue("--" + name).trim();
    return {
      ink: get("ink"), soft: get("soft"), line: get("line"), card: get("card"), chance: get("chance"),
      lift: get("lift").split(",").map(c => c.trim()), accent: get("accent"), second: get("second"),
      palette: [get("accent"), get("second"), "#2a9d8f", "#b5519c", "#8a8f3a", "#7a6ff0", "#c0392b", "#5b7f95"],
      font: getComputedStyle(document.body).fontFamily,
    };
  }

  function draw(id, label, height, option) {
    const node = $(id);
    node.style.height = height + "px";
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", label);
    if (!charts[id]) charts[id] = echarts.init(node, null, { renderer: "svg" });
    const t = theme();
    charts[id].resize();
    charts[id].setOption({
      animation: !still.matches, animationDuration: 350, textStyle: { fontFamily: t.font, color: t.ink }, ...option,
      tooltip: { confine: true, backgroundColor: t.card, borderColor: t.line, textStyle: { color: t.ink, fontSize: 13 }, ...option.tooltip },
    }, true);
  }

  const axis = (t, more = {}) => ({
    axisLine: { lineStyle: { color: t.line } }, axisTick: { show: false }, axisLabel: { color: t.soft, ...more.label },
    splitLine: { lineStyle: { color: t.line } }, nameTextStyle: { color: t.soft }, ...more.axis,
  });
  const left = () => 16 + 7.4 * Math.max(...names.map(name => Math.min(name.length, 26)));
  const cellAxis = t => ({
    type: "category", data: names, inverse: true,
    ...axis(t, { label: { color: t.ink, interval: 0, width: 7.4 * 26, overflow: "truncate" } }),
  });
  const tall = bars => 64 + 30 * names.length * Math.max(1, bars * 0.6);

  // ---- bars with a dot for each seed

  function bars(id, key, label, digits, colour) {
    const t = theme();
    const all = cells.flatMap(cell => of(cell, key));
    const span = Math.max(...all) - Math.min(...all) || Math.max(...all);
    // Losses differ in the third digit: their bars would all look alike from 0.
    const floor = key === "loss" ? Math.max(0, Math.floor(20 * (Math.min(...all) - 0.35 * span)) / 20) : 0;
    draw(id, label, tall(1), {
      tooltip: {
        trigger: "axis", axisPointer: { type: "shadow" },
        formatter: p => {
          const cell = cells[p[0].dataIndex];
          return `<b>${escaped(cell.cell)}</b><br>mean ${fixed(mean(of(cell, key)), digits)}` +
            cell.runs.map(run => `<br>seed ${run.seed}: ${fixed(run[key], digits)}`).join("");
        },
      },
      grid: { left: left(), right: 24, top: 10, bottom: 34 },
      xAxis: { type: "value", min: floor, ...axis(t, { label: { formatter: v => +v.toFixed(digits) } }) },
      yAxis: cellAxis(t),
      series: [
        {
          type: "bar", barMaxWidth: 20,
          data: cells.map(cell => ({ value: mean(of(cell, key)), itemStyle: { color: cell === base ? t.chance : colour(t), borderRadius: [0, 3, 3, 0] } })),
        },
        {
          type: "scatter", symbolSize: 8, itemStyle: { color: t.ink, borderColor: t.card, borderWidth: 1.5 },
          data: cells.flatMap((cell, i) => of(cell, key).map(value => [value, i])),
        },
      ],
    });
  }

  function load() {
    const t = theme();
    const kinds = [["microBatch", "own micro-batches"], ["batch", "global batches"], ["heldOut", "held-out text"]];
    draw("load", "Bars of MaxVio by cell", tall(3), {
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: v => fixed(v, 3) },
      legend: { top: 0, left: 0, textStyle: { color: t.soft } },
      grid: { left: left(), right: 24, top: 34, bottom: 34 },
      xAxis: { type: "value", min: 0, ...axis(t) },
      yAxis: cellAxis(t),
      series: kinds.map(([key, name], i) => ({
        name, type: "bar", barMaxWidth: 12, itemStyle: { color: t.palette[i], borderRadius: [0, 3, 3, 0] },
        data: cells.map(cell => mean(of(cell, key))),
      })),
    });
  }

  // ---- curves: means over the seeds, round by round

  function points(cell, number) {
    const rounds = Math.min(...cell.runs.map(run => run.steps.length));
    return Array.from({ length: rounds }, (_, n) => [cell.runs[0].steps[n], mean(cell.runs.map(run => number(run, n)))])
      .filter(p => Number.isFinite(p[1]));
  }

  function curve(id, label, shown, number, digits) {
    const t = theme();
    const rows = Math.ceil(names.join("     ").length * 7.5 / Math.max($(id).clientWidth, 200));
    draw(id, label, 300 + 22 * rows, {
      tooltip: { trigger: "axis", valueFormatter: v => fixed(v, digits) },
      legend: { top: 0, left: 0, type: "plain", textStyle: { color: t.soft } },
      grid: { left: 52, right: 16, top: 20 + 24 * rows, bottom: 44 },
      xAxis: { type: "value", min: "dataMin", max: "dataMax", name: "step", nameLocation: "middle", nameGap: 28, ...axis(t), splitLine: { show: false } },
      yAxis: { type: "value", scale: true, ...axis(t) },
      series: shown.map(cell => {
        const colour = t.palette[names.indexOf(cell.cell) % t.palette.length];
        return { name: cell.cell, type: "line", showSymbol: false, data: points(cell, number), lineStyle: { width: 2, color: colour }, itemStyle: { color: colour } };
      }),
    });
  }

  function aboveBaseline(run, n) {
    const other = twin(run);
    const at = other.steps.indexOf(run.steps[n]);
    return at < 0 ? NaN : run.curve[n] - other.curve[at];
  }

  // ---- domains

  function domains() {
    const t = theme();
    const others = cells.filter(cell => cell !== base);
    if (!others.length) {
      $("domains").closest("section").hidden = true;
      return;
    }
    const values = [];
    others.forEach((cell, y) => data.domains.forEach((_, x) =>
      values.push([x, y, mean(cell.runs.map(run => run.domains[x] - twin(run).domains[x]))])));
    const most = Math.max(...values.map(v => Math.abs(v[2]))) || 1;
    draw("domains", "Heat map of loss differences by cell and domain", 90 + 34 * others.length, {
      tooltip: { formatter: p => `<b>${escaped(others[p.value[1]].cell)}</b>, ${escaped(data.domains[p.value[0]])}<br>${p.value[2] > 0 ? "+" : ""}${fixed(p.value[2], 4)} nats per token` },
      grid: { left: left(), right: 8, top: 10, bottom: 76 },
      visualMap: { show: false, min: -most, max: most, inRange: { color: ["#2f6fb0", "#8fb7d9", t.card, t.lift[4], t.lift[5]] } },
      xAxis: { type: "category", data: data.domains, ...axis(t, { label: { color: t.ink, interval: 0, rotate: 40 } }), splitLine: { show: false } },
      yAxis: { type: "category", data: others.map(cell => cell.cell), inverse: true, ...axis(t, { label: { color: t.ink, interval: 0, width: 7.4 * 26, overflow: "truncate" } }), splitLine: { show: false } },
      series: [{
        type: "heatmap", data: values, itemStyle: { borderColor: t.card, borderWidth: 1.5, borderRadius: 2 },
        label: { show: $("domains").clientWidth > 640, color: t.ink, fontSize: 11, formatter: p => (p.value[2] > 0 ? "+" : "") + fixed(p.value[2], 3) },
      }],
    });
  }

  function numbers() {
    const columns = [
      ["seed", "seed", 0], ["held-out loss", "loss", 4], ["mutual information, bits", "information", 4], ["at least", "informationLow", 4], ["at most", "informationHigh", 4],
      ["highest domain frequency", "frequency", 3], ["top-k score sum", "score", 4], ["MaxVio micro-batch", "microBatch", 3],
      ["MaxVio batch", "batch", 3], ["MaxVio held-out", "heldOut", 3], ["dead experts", "dead", 0], ["ms/step", "milliseconds", 1],
    ];
    const box = element("table", $("numbers"));
    const head = element("tr", element("thead", box));
    ["cell", ...columns.map(c => c[0]), "options"].forEach(name => element("th", head, name, { scope: "col" }));
    const body = element("tbody", box);
    for (const cell of cells) {
      for (const run of cell.runs) {
        const line = element("tr", body);
        element("th", line, cell.cell, { scope: "row" });
        columns.forEach(([, key, digits]) => element("td", line, fixed(run[key], digits)));
        element("td", line, cell.options);
      }
    }
  }

  function drawAll() {
    bars("loss", "loss", "Bars of held-out loss by cell", 3, t => t.accent);
    bars("information", "information", "Bars of mutual information by cell", 3, t => t.second);
    load();
    curve("curve", "Training loss above the baseline's, by step", cells.filter(cell => cell !== base), aboveBaseline, 4);
    curve("violation", "MaxVio of global batches by step", cells, (run, n) => run.violation[n], 3);
    domains();
  }

  numbers();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
  drawAll();
})();

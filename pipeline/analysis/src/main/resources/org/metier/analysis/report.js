  // One function's body together with the scripts that follow it: this one has what they share, and the sections that
  // every report has.
  const runs = JSON.parse(document.getElementById("data").textContent).runs;
  const $ = id => document.getElementById(id);
  const state = { run: 0, layer: 0, measure: "share", kind: "input" };
  const charts = {};
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  // ---- numbers and words

  const whole = n => Math.round(n).toLocaleString("en");
  const fixed = (n, digits) => (n == null ? "–" : n.toFixed(digits));
  const percent = (n, digits = 1) => (n == null ? "–" : (100 * n).toFixed(digits) + " %");
  const times = n => (n >= 9.95 ? n.toFixed(0) : n.toFixed(1)) + "×";
  const chance = p => (p < 0.001 ? "< 0.001" : p.toFixed(3));
  const max = numbers => numbers.reduce((a, b) => Math.max(a, b), 0);
  const mean = numbers => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  const escaped = text => String(text).replace(/[&<>"']/g, c => escapes[c]);
  const short = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
  const allOf = run => run.losses.find(row => row.domain === "all");
  const specialised = run => run.layers.filter(l => l.mutual_information > l.permutation_q99).length;
  const rounds = run => (run.training.round || []).length;

  // ---- page elements; text goes in as text, never as HTML

  function element(name, parent, text, attributes = {}) {
    const node = document.createElement(name);
    if (text != null) node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent.append(node);
    return node;
  }

  function table(parent, caption, head, rows) {
    parent.replaceChildren();
    parent.setAttribute("aria-label", caption);
    parent.setAttribute("role", "region");
    const box = element("table", parent);
    const line = element("tr", element("thead", box));
    head.forEach(name => element("th", line, name, { scope: "col" }));
    const body = element("tbody", box);
    for (const row of rows) {
      const tr = element("tr", body);
      row.forEach((cell, i) => element(i ? "td" : "th", tr, cell, i ? {} : { scope: "row" }));
    }
  }

  // ---- colours come from the style sheet, so that light and dark are defined once

  function theme() {
    const css = getComputedStyle(document.documentElement);
    const get = name => css.getPropertyValue("--" + name).trim();
    const list = name => get(name).split(",").map(c => c.trim());
    return {
      ink: get("ink"), soft: get("soft"), line: get("line"), card: get("card"),
      chance: get("chance"), ramp: list("ramp"), lift: list("lift"),
      runs: [get("accent"), get("second"), "#2a9d8f", "#b5519c"],
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
      animation: !still.matches, animationDuration: 350, animationDurationUpdate: 350,
      textStyle: { fontFamily: t.font, color: t.ink },
      ...option,
      tooltip: {
        confine: true, backgroundColor: t.card, borderColor: t.line,
        textStyle: { color: t.ink, fontSize: 13 }, ...option.tooltip,
      },
    }, true);
  }

  const axis = (t, more = {}) => ({
    axisLine: { lineStyle: { color: t.line } }, axisTick: { show: false },
    axisLabel: { color: t.soft, ...more.label }, splitLine: { lineStyle: { color: t.line } },
    nameTextStyle: { color: t.soft }, ...more.axis,
  });
  const legend = (t, names) => ({ show: names.length > 1, data: names, top: 0, left: 0, textStyle: { color: t.soft } });
  const narrow = () => $("experts").parentElement.clientWidth < 640;

  // ---- key figures

  function figures() {
    const box = $("figures");
    const facts = runs.map(run => {
      const all = allOf(run);
      const list = [];
      if (all) {
        list.push([fixed(all.loss, 3), "held-out loss, nats per token"]);
        list.push([fixed(all.gain, 2), "nats better than token frequencies alone"]);
      }
      if (run.layers.length) {
        list.push([fixed(mean(run.layers.map(l => l.mutual_information)), 3), "bits of mutual information, mean of the layers"]);
        list.push([specialised(run) + " of " + run.layers.length, "layers specialised beyond shuffled labels"]);
        list.push([percent(max(run.layers.map(l => l.highest_domain_frequency)), 0), "of a domain’s tokens reach its most frequent expert"]);
        list.push([fixed(max(run.layers.map(l => l.max_vio)), 2), "largest MaxVio on held-out text"]);
      }
      return list;
    });
    if (runs.length === 1) {
      box.className = "tiles";
      for (const [number, words] of facts[0]) {
        const tile = element("div", box, null, { class: "tile" });
        element("b", tile, number);
        element("span", tile, words);
      }
    } else {
      const words = [...new Set(facts.flat().map(fact => fact[1]))];
      const cell = (list, word) => (list.find(fact => fact[1] === word) || ["–"])[0];
      const scroll = element("div", box, null, { class: "scroll", tabindex: "0" });
      table(scroll, "Runs side by side", ["", ...runs.map(r => r.run)],
        words.map(word => [word, ...facts.map(list => cell(list, word))]));
    }
    $("subtitle").textContent = runs.map(run => {
      const first = run.layers[0];
      const parts = [run.step >= 0 ? "step " + whole(run.step) : "in training"];
      if (first) {
        parts.push(run.layers.length + " layers of " + first.num_experts + " experts, top " + first.top_k);
        parts.push(whole(first.tokens) + " held-out tokens");
      }
      return (runs.length > 1 ? run.run + ": " : "") + parts.join(" · ");
    }).join("\n");
  }

  // ---- domain × expert

  /** Experts by the domain that they prefer most, the keenest first. */
  function order(layer) {
    const experts = layer.share[0].map((_, e) => {
      const lifts = layer.lift.map(row => row[e]);
      const keenest = lifts.indexOf(max(lifts));
      return { e, domain: max(lifts) > 0 ? keenest : layer.domains.length, share: layer.share[keenest < 0 ? 0 : keenest][e] };
    });
    return experts.sort((a, b) => a.domain - b.domain || b.share - a.share || a.e - b.e).map(x => x.e);
  }

  function heatTooltip(layer, summary, d, e) {
    return `<b>${escaped(layer.domains[d])}</b> and expert ${e}<br>` +
      `${percent(layer.frequency[d][e])} of the domain’s tokens (${whole(layer.tokens[d][e])})<br>` +
      `share ${percent(layer.share[d][e])}, interval ${percent(layer.low[d][e])} to ${percent(layer.high[d][e])}<br>` +
      `lift ${layer.lift[d][e].toFixed(2)}×`;
  }

  function colourScale(run, t, tall) {
    const common = {
      type: "continuous", seriesIndex: 0, calculable: false, orient: "horizontal", top: 0,
      [tall ? "left" : "right"]: 0, itemWidth: 12, itemHeight: 130, textStyle: { color: t.soft },
    };
    if (state.measure === "share") {
      const most = max(run.experts.flatMap(layer => layer.share.map(max)));
      return { ...common, min: 0, max: most, text: [percent(most, 0), "0 %"], inRange: { color: t.ramp } };
    }
    return { ...common, min: -3, max: 3, text: ["8× and more", "⅛× and less"], inRange: { color: t.lift } };
  }

  function heat() {
    const run = runs[state.run];
    const layer = run.experts[state.layer];
    const summary = run.layers.find(l => l.layer === layer.layer);
    const t = theme();
    const tall = narrow();
    const experts = order(layer);
    const names = experts.map(String);
    const domains = layer.domains.map(name => short(name, tall ? 12 : 22));
    const colour = (d, e) => state.measure === "share" ? layer.share[d][e]
      : Math.max(-3, Math.min(3, Math.log2(Math.max(layer.lift[d][e], 1e-9))));
    const cells = [];
    experts.forEach((e, i) => layer.domains.forEach((_, d) =>
      cells.push({ value: tall ? [d, i, colour(d, e)] : [i, d, colour(d, e)], at: [d, e] })));
    const share = run.loads[layer.layer];
    const load = share ? experts.map(e => share[e]) : [];
    const busiest = share ? Math.max(...share, 2 / share.length) : 1;
    const gap = experts.length > 40 ? 0.5 : 1.5;
    const rowHeight = tall ? Math.max(14, Math.min(26, 900 / experts.length)) : Math.max(20, Math.min(38, 520 / domains.length));
    const size = rowHeight * (tall ? experts.length : domains.length);
    const expertAxis = (index, label, inverse) => ({
      type: "category", gridIndex: index, data: names, inverse, ...axis(t),
      axisLabel: { show: label, color: t.soft, fontSize: 11, hideOverlap: true }, axisLine: { show: false },
      name: label && !tall ? "expert" : "", nameLocation: "start", nameGap: 12, splitLine: { show: false },
    });
    const domainAxis = inverse => ({
      type: "category", data: domains, inverse, ...axis(t), axisLine: { show: false }, splitLine: { show: false },
      axisLabel: tall ? { color: t.ink, rotate: 55, fontSize: 12, interval: 0 } : { color: t.ink, interval: 0 },
    });
    const loadAxis = more => ({
      type: "value", gridIndex: 1, min: 0, max: busiest, ...axis(t), splitLine: { show: false },
      axisLabel: { show: false }, name: "load", nameTextStyle: { color: t.soft, fontSize: 11 }, ...more,
    });
    const left = 16 + 7.4 * Math.max(...domains.map(name => name.length), 6);
    const option = {
      tooltip: {
        formatter: p => p.seriesIndex === 0 ? heatTooltip(layer, summary, ...p.data.at)
          : `expert ${escaped(p.name)}<br>${percent(share[experts[p.dataIndex]], 2)} of all choices<br>even load ${percent(1 / share.length, 2)}`,
      },
      visualMap: colourScale(run, t, tall),
      grid: tall
        ? [{ left: 34, right: 78, top: 36, height: size }, { right: 8, width: 58, top: 36, height: size }]
        : [{ left, right: 8, top: 40, height: size }, { left, right: 8, top: 40 + size + 34, height: 54 }],
      xAxis: tall ? [domainAxis(false), loadAxis({ nameLocation: "middle", nameGap: 8 })] : [expertAxis(0, true, false), expertAxis(1, false, false)],
      yAxis: tall ? [expertAxis(0, true, true), expertAxis(1, false, true)] : [domainAxis(true), loadAxis({ nameLocation: "middle", nameRotate: 0, nameGap: 28 })],
      series: [
        { type: "heatmap", data: cells, itemStyle: { borderColor: t.card, borderWidth: gap, borderRadius: 2 }, emphasis: { itemStyle: { borderColor: t.ink, borderWidth: 1.5 } } },
        {
          type: "bar", xAxisIndex: 1, yAxisIndex: 1, data: load, barCategoryGap: "25%", itemStyle: { color: t.soft, borderRadius: 2 },
          markLine: share && { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: t.runs[1], type: "solid", width: 1.5 }, data: tall ? [[{ coord: [1 / share.length, 0] }, { coord: [1 / share.length, names.length - 1] }]] : [{ yAxis: 1 / share.length }] },
        },
      ],
    };
    const label = `Heat map of ${state.measure} for ${domains.length} domains and ${experts.length} experts of layer ${layer.layer}; the table below holds the numbers`;
    draw("heat", label, tall ? size + 36 + 84 : size + 40 + 34 + 54 + 12, option);
    describeLayer(run, layer, summary);
    table($("heattable"), "Share and lift of each expert and domain, layer " + layer.layer,
      ["expert", ...layer.domains],
      experts.map(e => ["expert " + e, ...layer.domains.map((_, d) => `${percent(layer.share[d][e])} · ${times(layer.lift[d][e])}`)]));
  }

  function describeLayer(run, layer, summary) {
    $("layername").textContent = `${layer.layer}`;
    $("layer").setAttribute("aria-valuetext", `layer ${layer.layer} of ${run.experts.length}`);
    const even = layer.share[0].length;
    $("measurewords").textContent = state.measure === "share"
      ? `Share of a domain’s choices that fall on the expert; ${percent(1 / even)} if all experts were used alike.`
      : "How many times more often the domain uses the expert than all text does; the neutral colour is 1×.";
    $("layerwords").textContent = summary
      ? `Layer ${layer.layer}: ${fixed(summary.mutual_information, 3)} bits of mutual information (shuffled labels: ${fixed(summary.permutation_q99, 3)}), ` +
        `MaxVio ${fixed(summary.max_vio, 2)}, chosen experts hold ${percent(summary.score_sum, 0)} of the router’s probability.`
      : "";
  }

  // ---- mutual information per layer

  function information() {
    const t = theme();
    const shown = runs.filter(run => run.layers.length);
    const names = shown.map(run => run.run);
    const layers = [...new Set(shown.flatMap(run => run.layers.map(l => l.layer)))].sort((a, b) => a - b);
    const at = (run, layer) => run.layers.find(l => l.layer === layer);
    const series = shown.flatMap((run, i) => [
      {
        name: run.run + " shuffled", type: "bar", stack: run.run, barMaxWidth: 46, itemStyle: { color: t.chance },
        data: layers.map(l => at(run, l) && Math.min(at(run, l).permutation_q99, at(run, l).mutual_information)),
      },
      {
        name: run.run, type: "bar", stack: run.run, barMaxWidth: 46, itemStyle: { color: t.runs[i % 4], borderRadius: [3, 3, 0, 0] },
        data: layers.map(l => at(run, l) && Math.max(0, at(run, l).mutual_information - at(run, l).permutation_q99)),
      },
    ]);
    const words = (run, layer) => {
      const row = at(run, layer);
      return row && `<b>${escaped(run.run)}</b>, layer ${layer}<br>${fixed(row.mutual_information, 4)} bits (${fixed(row.mutual_information_low, 4)} to ${fixed(row.mutual_information_high, 4)}), ${percent(row.mutual_information_normalised)} of the possible` +
        `<br>bias-corrected ${fixed(row.mutual_information_corrected, 4)}<br>shuffled: mean ${fixed(row.permutation_mean, 4)}, 99 % ${fixed(row.permutation_q99, 4)}, p ${chance(row.permutation_p)}`;
    };
    draw("informationchart", "Bars of mutual information per layer with the part that shuffled labels reach", 300, {
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: p => shown.map(run => words(run, layers[p[0].dataIndex])).filter(Boolean).join("<hr style='border:0;border-top:1px solid " + t.line + "'>") },
      legend: legend(t, names),
      grid: { left: 52, right: 8, top: names.length > 1 ? 56 : 34, bottom: 44 },
      xAxis: { type: "category", data: layers, name: "layer", nameLocation: "middle", nameGap: 28, ...axis(t) },
      yAxis: { type: "value", name: "bits", nameLocation: "end", ...axis(t) },
      series,
    });
    table($("informationtable"), "Mutual information and load per layer",
      ["layer", ...(shown.length > 1 ? ["run"] : []), "bits", "95 % interval", "of possible", "corrected", "shuffled mean", "shuffled 99 %", "p", "load entropy", "CV", "MaxVio", "idle experts", "score sum"],
      layers.flatMap(l => shown.filter(run => at(run, l)).map(run => {
        const row = at(run, l);
        return [`layer ${l}`, ...(shown.length > 1 ? [run.run] : []), fixed(row.mutual_information, 4), `${fixed(row.mutual_information_low, 4)} to ${fixed(row.mutual_information_high, 4)}`,
          percent(row.mutual_information_normalised), fixed(row.mutual_information_corrected, 4), fixed(row.permutation_mean, 4), fixed(row.permutation_q99, 4), chance(row.permutation_p), fixed(row.load_entropy, 3), fixed(row.cv, 3), fixed(row.max_vio, 2), row.dead_experts, fixed(row.score_sum, 3)];
      })));
  }

  // ---- loss per domain

  function losses() {
    const t = theme();
    const shown = runs.filter(run => run.losses.length);
    const names = shown.map(run => run.run);
    const domains = [...new Set(shown.flatMap(run => run.losses.map(row => row.domain)))].sort((a, b) => (a === "all") - (b === "all") || a.localeCompare(b));
    const at = (run, domain) => run.losses.find(row => row.domain === domain);
    const labels = domains.map(d => (d === "all" ? "all domains" : short(d, narrow() ? 12 : 22)));
    const height = 26 + domains.length * Math.max(30, 12 + 16 * shown.length) + 62;
    const mark = {
      name: "unigram entropy", type: "custom", silent: true, z: 5,
      data: domains.map((d, i) => { const own = shown.map(run => at(run, d)).filter(Boolean); return [own[0].unigram_entropy, i, max(own.map(row => row.loss))]; }),
      renderItem: (_, api) => {
        const [x, y] = api.coord([api.value(0), api.value(1)]);
        const [loss] = api.coord([api.value(2), api.value(1)]);
        const half = api.size([0, 1])[1] * 0.34;
        const line = (x1, y1, x2, y2, style) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
        return { type: "group", children: [
          line(loss + 4, y, x, y, { stroke: t.chance, lineWidth: 1.5, lineDash: [3, 3], opacity: loss + 4 < x ? 1 : 0 }),
          line(x, y - half, x, y + half, { stroke: t.ink, lineWidth: 2 }),
        ] };
      },
    };
    draw("losschart", "Bars of held-out loss per domain, with marks at the unigram entropy", height, {
      tooltip: {
        trigger: "axis", axisPointer: { type: "shadow" },
        formatter: p => `<b>${escaped(domains[p[0].dataIndex])}</b>` + shown.map(run => at(run, domains[p[0].dataIndex])).map((row, i) => row &&
          `<br>${shown.length > 1 ? escaped(shown[i].run) + ": " : ""}loss ${fixed(row.loss, 3)}, perplexity ${fixed(row.perplexity, 1)}, ${fixed(row.bits_per_byte, 3)} bits per byte<br>unigram entropy ${fixed(row.unigram_entropy, 3)}, gain ${fixed(row.gain, 3)}`).join(""),
      },
      legend: legend(t, names),
      grid: { left: 16 + 7.4 * Math.max(...labels.map(l => l.length), 6), right: 24, top: names.length > 1 ? 36 : 10, bottom: 46 },
      xAxis: { type: "value", name: "nats per token", nameLocation: "middle", nameGap: 28, ...axis(t) },
      yAxis: { type: "category", data: labels, inverse: true, ...axis(t, { label: { color: t.ink, interval: 0 } }) },
      series: [...shown.map((run, i) => ({
        name: run.run, type: "bar", barMaxWidth: 18, itemStyle: { color: t.runs[i % 4], borderRadius: [0, 3, 3, 0] },
        data: domains.map(d => at(run, d) && at(run, d).loss),
      })), mark],
    });
    table($("losstable"), "Loss per domain",
      ["domain", ...(shown.length > 1 ? ["run"] : []), "tokens", "loss", "perplexity", "bits per byte", "unigram entropy", "gain"],
      domains.flatMap(d => shown.filter(run => at(run, d)).map(run => {
        const row = at(run, d);
        return [d === "all" ? "all domains" : d, ...(shown.length > 1 ? [run.run] : []), whole(row.tokens), fixed(row.loss, 3), fixed(row.perplexity, 2), fixed(row.bits_per_byte, 3), fixed(row.unigram_entropy, 3), fixed(row.gain, 3)];
      })));
  }

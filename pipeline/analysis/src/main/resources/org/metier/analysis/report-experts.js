  // ---- the chosen layer's experts one by one

  const cardOf = (run, layer, expert) => ((run.cards[layer] || {})[expert]) || {};
  /** White space that would not be seen. */
  const visible = text => (text === "" ? "∅" : text.replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/ /g, "␣"));

  function cards() {
    const run = runs[state.run];
    const layer = run.experts[state.layer];
    document.querySelectorAll(".layernumber").forEach(node => { node.textContent = layer.layer; });
    $("cardbox").hidden = Object.keys(run.cards).length === 0;
    const list = $("cards");
    list.replaceChildren();
    const most = max(layer.lift.flat());
    const load = run.loads[layer.layer];
    for (const e of order(layer)) {
      const card = cardOf(run, layer.layer, e);
      const item = element("li", list);
      const title = element("h4", item, "Expert " + e);
      if (card.cluster) element("span", title, card.cluster === "mixed" ? "serves several" : card.cluster);
      const ranked = layer.domains.map((_, d) => d).sort((a, b) => layer.lift[b][e] - layer.lift[a][e]).slice(0, 3);
      for (const d of ranked) {
        const row = element("div", item, null, { class: "bar" });
        element("span", row, layer.domains[d], { title: layer.domains[d] });
        // The content security policy lets scripts set styles, not markup.
        element("i", element("div", row)).style.width = 100 * Math.min(1, layer.lift[d][e] / (most || 1)) + "%";
        element("b", row, times(layer.lift[d][e]));
      }
      if (load) element("p", item, percent(load[e]) + " of the load" + (card.class ? ", most of all " + card.class[0].replaceAll("_", " ") + " (" + times(card.class[1]) + ")" : ""), { class: "muted" });
      const tokens = card[state.kind];
      if (tokens) {
        const line = element("p", item);
        for (const [text, share, lift] of tokens) element("code", line, visible(text), { title: percent(share, 0) + " of its occurrences, " + times(lift) });
      }
      if (card.partners) element("p", item, "With " + card.partners.map(([b, p]) => `expert ${b} (${percent(p, 0)})`).join(", "), { class: "muted" });
    }
  }

  // ---- from layer to layer

  function flow() {
    const run = runs[state.run];
    const layer = run.experts[state.layer].layer;
    const ways = run.flow[layer] || [];
    $("flowbox").hidden = $("flowdetails").hidden = ways.length === 0;
    if (!ways.length) return;
    const t = theme();
    const strong = ways.filter(way => way[3] > 1);
    const here = order(run.experts[state.layer]);
    const next = run.experts[state.layer + 1];
    const there = next ? order(next) : [...new Set(strong.map(way => way[1]))];
    const keenest = (of, e) => { const lifts = of.lift.map(row => row[e]); return of.domains[lifts.indexOf(max(lifts))]; };
    const colours = echarts.color ? run.experts[0].domains.map((_, d, all) => echarts.color.modifyHSL(t.runs[0], Math.round(360 * d / all.length))) : t.runs;
    const colour = (of, e) => of ? colours[of.domains.indexOf(keenest(of, e)) % colours.length] : t.soft;
    const node = (side, e, of) => ({ name: side + e, depth: side === "a" ? 0 : 1, label: { formatter: String(e), color: t.ink, fontSize: 11, position: side === "a" ? "left" : "right" }, itemStyle: { color: colour(of, e), borderWidth: 0 } });
    const used = side => new Set(strong.map(way => way[side]));
    const [from, to] = [used(0), used(1)];
    draw("flowchart", `The strongest ways from the experts of layer ${layer} to those of the next; the table below holds them`, Math.max(300, 20 * here.length), {
      tooltip: { formatter: p => p.dataType === "edge" ? `expert ${escaped(p.data.source.slice(1))} → ${escaped(p.data.target.slice(1))}<br>${whole(p.value)} tokens, ${times(p.data.lift)} what chance gives` : `expert ${escaped(p.name.slice(1))}` },
      series: [{
        type: "sankey", left: 26, right: 30, top: 8, bottom: 8, nodeWidth: 10, nodeGap: 4, draggable: false, layoutIterations: 0, emphasis: { focus: "adjacency" },
        data: [...here.filter(e => from.has(e)).map(e => node("a", e, run.experts[state.layer])), ...there.filter(e => to.has(e)).map(e => node("b", e, next))],
        links: strong.map(([a, b, tokens, lift]) => ({ source: "a" + a, target: "b" + b, value: tokens, lift })),
        lineStyle: { color: "source", opacity: 0.35, curveness: 0.5 },
      }],
    });
    table($("flowtable"), `Ways from layer ${layer} to the next`, ["expert", "next expert", "tokens", "lift"],
      ways.map(([a, b, tokens, lift]) => ["expert " + a, b, whole(tokens), times(lift)]));
  }

  function routerMap() {
    const run = runs[state.run];
    const layer = run.experts[state.layer];
    const points = order(layer).map(e => [e, cardOf(run, layer.layer, e)]).filter(([, card]) => card.place);
    $("mapbox").hidden = points.length === 0;
    if (!points.length) return;
    const t = theme();
    const explained = (run.explained || {})[layer.layer];
    draw("map", `Map of the ${points.length} routers' rows of layer ${layer.layer}`, Math.max(300, $("flowbox").hidden ? 300 : 20 * points.length), {
      tooltip: { formatter: p => `expert ${p.data.expert}<br>${escaped(p.data.cluster)}` },
      grid: { left: 46, right: 20, top: 24, bottom: 44 },
      xAxis: { type: "value", scale: true, name: `first and second component: ${percent(explained, 0)} of the variance`, nameLocation: "middle", nameGap: 28, ...axis(t) },
      yAxis: { type: "value", scale: true, ...axis(t) },
      series: [{
        type: "scatter", symbolSize: 16, itemStyle: { color: t.runs[0], opacity: 0.8 },
        label: { show: true, position: "right", color: t.ink, fontSize: 11, formatter: p => p.data.expert + (p.data.cluster && p.data.cluster !== "mixed" ? " " + short(p.data.cluster, 10) : "") },
        labelLayout: { hideOverlap: true },
        data: points.map(([e, card]) => ({ value: card.place, expert: e, cluster: card.cluster || "" })),
      }],
    });
  }

  // ---- the syntactic control

  function control() {
    const t = theme();
    const shown = runs.filter(run => run.layers.some(l => l.domain_given_class != null));
    const rows = shown.flatMap(run => run.layers.map(layer => [run, layer]));
    const names = rows.map(([run, layer]) => (shown.length > 1 ? run.run + " " : "layer ") + layer.layer);
    const bars = (name, pick, colour, more) => ({ name, type: "bar", barMaxWidth: 26, itemStyle: { color: colour }, data: rows.map(([, l]) => pick(l)), ...more });
    const beyond = l => Math.max(0, l.domain_given_class_corrected - l.domain_given_class_permutation_q99);
    draw("controlchart", "Bars of information in the domain, in the token class and in the domain given the class", 320, {
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: v => fixed(v, 3) },
      legend: legend(t, ["domain", "token class", "domain, class known"]),
      grid: { left: 52, right: 8, top: narrow() ? 64 : 40, bottom: 44 },
      xAxis: { type: "category", data: names, ...axis(t) },
      yAxis: { type: "value", name: "bits", ...axis(t) },
      series: [
        bars("domain", l => l.mutual_information_corrected, t.runs[0]),
        bars("token class", l => l.token_class_corrected, t.runs[1]),
        bars("shuffled labels", l => Math.max(0, Math.min(l.domain_given_class_corrected, l.domain_given_class_permutation_q99)), t.chance, { stack: "given" }),
        bars("domain, class known", beyond, t.runs[2], { stack: "given" }),
      ],
    });
    table($("controltable"), "Information about the expert", ["layer", ...(shown.length > 1 ? ["run"] : []), "domain", "token class", "token class, shuffled within texts", "domain, class known", "shuffled 99 %"],
      rows.map(([run, l]) => ["layer " + l.layer, ...(shown.length > 1 ? [run.run] : []), fixed(l.mutual_information_corrected, 4), fixed(l.token_class_corrected, 4), fixed(l.token_class_shuffled, 4), fixed(l.domain_given_class_corrected, 4), fixed(l.domain_given_class_permutation_q99, 4)]));
  }

  // ---- a domain's own experts alone

  function ablated(run, share) {
    const mean = (rows, column) => { const n = rows.reduce((sum, row) => sum + row.tokens, 0); return n ? rows.reduce((sum, row) => sum + row[column] * row.tokens, 0) / n : null; };
    const rows = run.expert_ablation.filter(row => row.kept_share === share);
    return [...new Set(rows.map(row => row.domain))].map(domain => {
      const own = rows.filter(row => row.domain === domain && row.evaluated_domain === domain);
      const others = rows.filter(row => row.domain === domain && row.evaluated_domain !== domain);
      return { domain, kept: rows[0].experts_kept, own: mean(own, "change"), low: own[0] && own[0].ci_low, high: own[0] && own[0].ci_high, others: mean(others, "change"), random: mean(own, "random_change") };
    });
  }

  function ablation() {
    const t = theme();
    const shown = runs.filter(run => run.expert_ablation.length);
    const shares = [...new Set(shown[0].expert_ablation.map(row => row.kept_share))].filter(share => share < 1).sort((a, b) => b - a);
    if (!$("kept").options.length) {
      shares.forEach(share => element("option", $("kept"), percent(share), { value: share }));
      $("kept").value = shares.includes(0.25) ? 0.25 : shares[0];
      $("kept").addEventListener("change", ablation);
    }
    const rows = shown.flatMap(run => ablated(run, Number($("kept").value)).map(row => ({ run: run.run, ...row })));
    const names = rows.map(row => (shown.length > 1 ? row.run + " " : "") + short(row.domain, narrow() ? 12 : 22));
    const bars = (name, colour) => ({ name: name[0], type: "bar", barMaxWidth: 12, itemStyle: { color: colour, borderRadius: [0, 3, 3, 0] }, data: rows.map(row => row[name[1]]) });
    draw("ablationchart", "Bars of the change of loss by domain when only its own experts are kept", 70 + rows.length * 46, {
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: v => fixed(v, 3) },
      legend: legend(t, ["the domain", "all others", "the domain, random experts"]),
      grid: { left: 16 + 7.4 * Math.max(...names.map(n => n.length), 6), right: 24, top: narrow() ? 60 : 36, bottom: 46 },
      xAxis: { type: "value", name: "change of loss, nats per token", nameLocation: "middle", nameGap: 28, ...axis(t) },
      yAxis: { type: "category", data: names, inverse: true, ...axis(t, { label: { color: t.ink, interval: 0 } }) },
      series: [bars(["the domain", "own"], t.runs[0]), bars(["all others", "others"], t.runs[1]), bars(["the domain, random experts", "random"], t.chance)],
    });
    table($("ablationtable"), "Change of loss with a domain's own experts only", ["domain", "kept", "own change", "95 % interval", "others' change", "random experts"],
      shown.flatMap(run => shares.flatMap(share => ablated(run, share).map(row => [(shown.length > 1 ? run.run + " " : "") + row.domain, row.kept, fixed(row.own, 4), `${fixed(row.low, 4)} to ${fixed(row.high, 4)}`, fixed(row.others, 4), fixed(row.random, 4)]))));
  }

  // ---- training

  function training() {
    const t = theme();
    const shown = runs.filter(rounds);
    const line = (run, i, column, name, more) => {
      const points = (run.training[column] || []).map((y, n) => [run.training.round[n], y]).filter(p => p[1] != null);
      return { name, type: "line", data: points, showSymbol: false, lineStyle: { width: 2, color: t.runs[i % 4] }, itemStyle: { color: t.runs[i % 4] }, ...more };
    };
    const held = run => (shown.length > 1 ? run.run + ", held-out" : "held-out");
    const option = (series, names, digits) => ({
      tooltip: { trigger: "axis", valueFormatter: v => fixed(v, digits) },
      legend: legend(t, names),
      grid: { left: 46, right: 14, top: 36, bottom: 44 },
      xAxis: { type: "value", min: "dataMin", max: "dataMax", minInterval: 1, name: "round", nameLocation: "middle", nameGap: 28, ...axis(t), splitLine: { show: false } },
      yAxis: { type: "value", scale: true, ...axis(t) },
      series,
    });
    const curves = shown.flatMap((run, i) => [
      line(run, i, "loss", shown.length > 1 ? run.run : "training"),
      line(run, i, "held_out_loss", held(run), { showSymbol: true, symbol: "circle", symbolSize: 7, lineStyle: { width: 1.5, type: "dashed", color: shown.length > 1 ? t.runs[i % 4] : t.runs[1] }, itemStyle: { color: shown.length > 1 ? t.runs[i % 4] : t.runs[1] } }),
    ]).filter(s => s.data.length);
    // With several runs the legend names runs: a held-out line has its run's colour.
    const names = curves.map(s => s.name).filter(name => shown.length === 1 || shown.some(run => run.run === name));
    draw("curve", "Loss over the rounds of training", 280, option(curves, names, 3));
    const loads = shown.map((run, i) => line(run, i, "max_vio", run.run)).filter(s => s.data.length);
    const balance = option(loads, loads.map(s => s.name), 3);
    draw("balance", "MaxVio over the rounds of training", 280, { ...balance, yAxis: { ...balance.yAxis, scale: false, min: 0 } });
    const columns = Object.keys(shown[0].training);
    const cell = (name, v) => v == null ? "–" : ["round", "step", "tokens", "tokens_per_second"].includes(name) ? whole(v) : name === "learning_rate" ? v.toExponential(2) : fixed(v, 4);
    table($("trainingtable"), "Training by round", [...columns, ...(shown.length > 1 ? ["run"] : [])].map(c => c.replaceAll("_", " ")),
      shown.flatMap(run => run.training.round.map((_, n) => [...columns.map(c => cell(c, (run.training[c] || [])[n])), ...(shown.length > 1 ? [run.run] : [])])));
  }

  // ---- other checkpoints of the run

  function saturation() {
    const t = theme();
    const shown = runs.filter(run => run.saturation.length);
    const series = (column, digits, last) => shown.flatMap((run, r) => {
      const k = max(run.saturation.map(row => row.k));
      const layers = [...new Set(run.saturation.map(row => row.layer))].sort((a, b) => a - b);
      return layers.map((layer, i) => ({
        name: (shown.length > 1 ? run.run + ", " : "") + "layer " + layer, type: "line", symbolSize: 6,
        lineStyle: { width: 2, type: r ? "dashed" : "solid" },
        itemStyle: { color: echarts.color.modifyHSL(t.runs[0], Math.round(300 * i / layers.length)) },
        data: [...run.saturation.filter(row => row.layer === layer && row.k === k).map(row => [row.checkpoint_step, row[column]]), ...last(run, layer)].sort((a, b) => a[0] - b[0]),
      }));
    });
    const option = (list, digits, more) => ({
      tooltip: { trigger: "axis", valueFormatter: v => fixed(v, digits) },
      legend: { ...legend(t, list.map(s => s.name)), type: "scroll" },
      grid: { left: 50, right: 16, top: 40, bottom: 44 },
      xAxis: { type: "value", name: "optimiser step", nameLocation: "middle", nameGap: 28, min: "dataMin", max: "dataMax", ...axis(t), splitLine: { show: false } },
      yAxis: { type: "value", ...axis(t), ...more },
      series: list,
    });
    const overlap = series("overlap", 3, run => (run.step >= 0 ? [[run.step, 1]] : []));
    const chance = shown[0].saturation[shown[0].saturation.length - 1].chance;
    overlap[0].markLine = { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: t.soft, type: "dotted" }, data: [{ yAxis: chance }] };
    draw("saturationchart", "Saturation of each layer over the checkpoints", 300, option(overlap, 3, { min: 0, max: 1 }));
    const information = series("mutual_information_corrected", 4, (run, layer) => run.layers.filter(l => l.layer === layer).map(l => [run.step, l.mutual_information_corrected]));
    draw("driftchart", "Mutual information of each layer over the checkpoints", 300, option(information, 4, { min: 0 }));
    table($("saturationtable"), "Saturation by layer and checkpoint", ["layer", ...(shown.length > 1 ? ["run"] : []), "step", "k", "overlap", "95 % interval", "chance", "mutual information"],
      shown.flatMap(run => run.saturation.map(row => ["layer " + row.layer, ...(shown.length > 1 ? [run.run] : []), whole(row.checkpoint_step), row.k, percent(row.overlap), `${percent(row.ci_low)} to ${percent(row.ci_high)}`, percent(row.chance), fixed(row.mutual_information_corrected, 4)])));
  }

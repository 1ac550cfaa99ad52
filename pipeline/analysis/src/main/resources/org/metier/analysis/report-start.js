  // ---- put together

  const sections = [
    ["experts", () => runs.some(run => run.experts.length), layerCharts],
    ["information", () => runs.some(run => run.layers.length), information],
    ["losses", () => runs.some(run => run.losses.length), losses],
    ["control", () => runs.some(run => run.layers.some(l => l.domain_given_class != null)), control],
    ["ablation", () => runs.some(run => run.expert_ablation.length), ablation],
    ["training", () => runs.some(rounds), training],
    ["saturation", () => runs.some(run => run.saturation.length), saturation],
  ];

  function drawAll() {
    for (const [id, has, drawSection] of sections) {
      if (!has()) continue;
      $(id).hidden = false;
      drawSection();
    }
  }

  /** All that shows the chosen layer. */
  function layerCharts() {
    heat();
    cards();
    flow();
    routerMap();
  }

  function choose(run) {
    state.run = run;
    state.layer = Math.min(state.layer, runs[run].experts.length - 1);
    $("layer").max = runs[run].experts.length - 1;
    $("layer").value = state.layer;
  }

  function start() {
    figures();
    const withExperts = runs.findIndex(run => run.experts.length);
    if (withExperts >= 0) {
      // The layer that says most comes first.
      const scores = runs[withExperts].experts.map(x => (runs[withExperts].layers.find(l => l.layer === x.layer) || { mutual_information: 0 }).mutual_information);
      state.layer = scores.indexOf(max(scores)) < 0 ? 0 : scores.indexOf(max(scores));
      choose(withExperts);
      runs.forEach((run, i) => { if (run.experts.length) element("option", $("run"), run.run, { value: i }); });
      $("runchoice").hidden = runs.length < 2;
    }
    $("run").addEventListener("change", event => { choose(Number(event.target.value)); layerCharts(); });
    $("kind").addEventListener("change", event => { state.kind = event.target.value; cards(); });
    $("layer").addEventListener("input", event => { state.layer = Number(event.target.value); layerCharts(); });
    document.querySelectorAll("input[name=measure]").forEach(radio =>
      radio.addEventListener("change", event => { state.measure = event.target.value; heat(); }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    let width = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });
    drawAll();
  }

  start();

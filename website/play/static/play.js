// Moves the widgets of the page "Play". Nothing moves by itself.
//
// A widget is a section with data-widget. Whatever changes in it has a data-slot; what a slot shows for a choice and a
// step of the slider was computed beforehand and stands in the page as JSON ("play-data"). The widget of the Rician
// floor alone computes in the browser (rician.js).

(() => {
  const minus = (text) => text.replace("-", "−");

  // Put words into a slot: what that means depends on what the slot is.
  function fill(slot, words) {
    if (slot.tagName === "IMG") slot.alt = words;
    else if (slot.tagName === "path") slot.setAttribute("d", words);
    else if (slot.tagName === "g") slot.setAttribute("transform", words);
    else if (slot.tagName === "svg") slot.setAttribute("aria-label", words);
    else if (slot.tagName === "INPUT") slot.setAttribute("aria-valuetext", words);
    else slot.textContent = words;
  }

  function fillAll(section, state) {
    for (const slot of section.querySelectorAll("[data-slot]")) {
      if (slot.dataset.slot in state) fill(slot, state[slot.dataset.slot]);
    }
  }

  // The choice is what the radio buttons and check boxes say, in the order of the page: "regular-centre".
  function chosen(section) {
    const on = section.querySelectorAll("input[type=radio]:checked, input[type=checkbox]:checked");
    return [...on].map((input) => input.value).join("-");
  }

  function playFrames(section, told, folder) {
    const slider = section.querySelector("input[type=range]");
    const pictures = [...section.querySelectorAll("img[data-slot]")];
    const fileOf = (picture, choice) => folder + told.strips[picture.dataset.slot][choice];
    let asked = 0;

    // All pictures of a new choice change together, once they are there; until then the old ones stay.
    async function show() {
      asked += 1;
      const mine = asked;
      const [choice, step] = [chosen(section), Number(slider.value)];
      const files = pictures.map((picture) => fileOf(picture, choice));
      const missing = files.filter((file, place) => pictures[place].getAttribute("src") !== file);
      await Promise.all(missing.map(fetched));
      if (mine !== asked) return; // a later movement overtook this one
      pictures.forEach((picture, place) => {
        if (picture.getAttribute("src") !== files[place]) picture.src = files[place];
        picture.style.left = `${-100 * step}%`;
      });
      fillAll(section, told.states[choice][step]);
    }

    section.addEventListener("input", show);
    // whoever touches a widget will want its other pictures soon
    const ahead = () => Object.values(told.strips).flatMap(Object.values).forEach((file) => fetched(folder + file));
    for (const kind of ["pointerenter", "focusin"]) section.addEventListener(kind, ahead, { once: true });
    show(); // a browser may remember where the slider stood
  }

  const loading = new Map();

  function fetched(file) {
    if (!loading.has(file)) {
      const image = new Image();
      image.src = file;
      loading.set(file, image.decode().catch(() => {}));
    }
    return loading.get(file);
  }

  // A drawing says in data-axes where its axes lie and what stands at their ends.
  function placesIn(drawing) {
    const axes = JSON.parse(drawing.dataset.axes);
    return (x, y) => {
      const across = (x - axes.x[0]) / (axes.x[1] - axes.x[0]);
      const up = (Math.min(y, axes.y[1]) - axes.y[0]) / (axes.y[1] - axes.y[0]);
      return [
        axes.left + across * (axes.width - axes.left - axes.right),
        axes.height - axes.bottom - up * (axes.height - axes.top - axes.bottom),
      ].map((value) => Number(value.toFixed(1)));
    };
  }

  function playFloor(section) {
    const slider = section.querySelector("input[type=range]");
    const [law, curve] = section.querySelectorAll("svg");
    const inLaw = placesIn(law);
    const inCurve = placesIn(curve);
    const grid = Array.from({ length: 241 }, (_, step) => step / 20 - 3);
    const above = grid.filter((m) => m >= 0);
    const line = (points) => `M${points.map((point) => point.join(" ")).join("L")}`;
    const move = ([x, y]) => `translate(${x} ${y})`;

    function show() {
      const a = Number(slider.value);
      const average = rician.mean(a);
      const mended = rician.corrected(average);
      const rice = above.map((m) => inLaw(m, rician.density(m, a)));
      const ground = inLaw(0, 0)[1];
      const signed = (value) => minus((value >= 0 ? "+" : "") + value.toFixed(2));
      fillAll(section, {
        readout: a.toFixed(1),
        told: `signal ${a.toFixed(1)} sigma: mean of the magnitude ${average.toFixed(2)}, bias ${signed(average - a)}`,
        truth: a.toFixed(2),
        mean: average.toFixed(2),
        bias: signed(average - a),
        corrected: `${mended.toFixed(2)} (${signed(mended - a)})`,
        law: `Density of the magnitude for a true signal of ${a.toFixed(1)} sigma: its mean is ${average.toFixed(2)}`,
        curve: `Mean of the magnitude against the true signal: ${average.toFixed(2)} at ${a.toFixed(1)}`,
        "rice-line": `${line(rice)}V${ground}H${rice[0][0]}Z`,
        "gauss-line": line(grid.map((m) => inLaw(m, rician.gaussian(m, a)))),
        "law-truth": move([inLaw(a, 0)[0], 0]),
        "law-mean": move([inLaw(average, 0)[0], 0]),
        "curve-mean": move(inCurve(a, average)),
        "curve-corrected": move(inCurve(a, mended)),
      });
    }

    section.addEventListener("input", show);
    show();
  }

  const data = JSON.parse(document.getElementById("play-data").textContent);
  for (const section of document.querySelectorAll("[data-widget]")) {
    const name = section.dataset.widget;
    if (name === "floor") playFloor(section);
    else playFrames(section, data.widgets[name], data.folder);
  }
})();

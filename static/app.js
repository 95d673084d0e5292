// Headroom's own script: the choice of colours, and charts. Everything else is HTML and htmx.
"use strict";

// -- colours: light, dark, or like the system. The cookie lets the server set them before paint. --

const root = document.documentElement;

function chosenTheme() {
  return root.dataset.theme || "auto";
}

function chooseTheme(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const age = theme === "auto" ? 0 : 365 * 24 * 3600;
  document.cookie = `headroom_theme=${theme}; path=/; max-age=${age}; samesite=lax`;
  showTheme();
}

function showTheme() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosenTheme()));
  }
}

for (const box of document.querySelectorAll("[data-theme-switch]")) {
  box.hidden = false;
  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (button) chooseTheme(button.dataset.themeChoice);
  });
}
showTheme();

// -- charts: <div data-chart="id of the JSON" data-bundle="address of Vega"> ----------------------

let bundle = null;

function loadBundle(address) {
  bundle ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${address} could not be loaded`));
    document.head.append(script);
  });
  return bundle;
}

const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

function amount(value) {
  return cents.format(value).replace("-", "−");
}

function escaped(text) {
  const box = document.createElement("span");
  box.textContent = text;
  return box.innerHTML;
}

// One row a service in the chart's order from the top of the bar, then the total.
function dayTooltip(meta) {
  return (day) => {
    const rows = [...meta.series].map(
      (one) =>
        `<tr><td><span class="swatch hue-${one.hue}"></span>${escaped(one.name)}</td>` +
        `<td class="number">${amount(day[one.key])}</td></tr>`,
    );
    const total = `<tr><td>Total</td><td class="number">${escaped(meta.symbol)}${amount(day.total)}</td></tr>`;
    return `<h3>${escaped(day.label)}</h3><table><tbody>${rows.join("")}${total}</tbody></table>`;
  };
}

// What stops a chart's listeners when htmx takes its element away.
const finalize = new WeakMap();

async function draw(box) {
  const source = document.getElementById(box.dataset.chart);
  try {
    await loadBundle(box.dataset.bundle);
    const spec = JSON.parse(source.textContent);
    const drawn = await vegaEmbed(box, spec, {
      actions: false,
      ast: true,
      defaultStyle: false,
      renderer: "svg",
      tooltip: { disableDefaultStyle: true, formatTooltip: dayTooltip(spec.usermeta) },
    });
    finalize.set(box, drawn.finalize);
  } catch (error) {
    // No picture is no loss: the table behind it holds the same figures.
    box.classList.add("is-missing");
    box.parentElement.querySelector("details.behind")?.setAttribute("open", "");
    console.warn(error);
  }
}

function drawIn(part) {
  for (const box of part.querySelectorAll("[data-chart]:not([data-drawn])")) {
    box.dataset.drawn = "";
    draw(box);
  }
}

drawIn(document);
document.body.addEventListener("htmx:beforeCleanupElement", (event) => {
  finalize.get(event.detail.elt)?.();
});
document.body.addEventListener("htmx:load", (event) => drawIn(event.detail.elt));

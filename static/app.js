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

// -- navigation: on a narrow screen it scrolls; the page one is on is to be seen -------------------

for (const current of document.querySelectorAll(".navigation [aria-current]")) {
  const line = current.closest(".navigation");
  line.scrollLeft = current.offsetLeft - (line.clientWidth - current.offsetWidth) / 2;
}

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

// What is spent up to a day, or expected, with its intervals.
function monthTooltip(meta) {
  const money = (value) => escaped(meta.symbol) + amount(value);
  const row = (name, text) => `<tr><td>${name}</td><td class="number">${text}</td></tr>`;
  const range = (day, share) => `${money(day[`low_${share}`])} to ${money(day[`high_${share}`])}`;
  return (day) => {
    const rows = day.known
      ? [row("That day", money(day.cost)), row("Month to date", money(day.total))]
      : [
          row("95 % likely", range(day, 95)),
          row("80 % likely", range(day, 80)),
          row("Expected by then", money(day.total)),
        ];
    return `<h3>${escaped(day.label)}</h3><table><tbody>${rows.join("")}</tbody></table>`;
  };
}

function tooltipOf(meta) {
  return meta.kind === "month" ? monthTooltip(meta) : dayTooltip(meta);
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
      tooltip: { disableDefaultStyle: true, formatTooltip: tooltipOf(spec.usermeta) },
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

// -- dialogs: a button with data-opens="id" -------------------------------------------------------

for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens)?.showModal());
}

// -- keyboard: ? help, / search, and two letters for a page (the dialog's links say which) ---------

const SECOND_LETTER_WITHIN = 1200; // milliseconds
let firstLetter = null;

function isTyping(element) {
  return element.closest?.("input, textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.defaultPrevented || isTyping(event.target) || event.key.length !== 1) return;
  const help = document.getElementById("keyboard");
  if (event.key === "?" && help) {
    event.preventDefault();
    if (help.open) help.close();
    else if (!document.querySelector("dialog[open]")) help.showModal();
    return;
  }
  if (event.key === "/") {
    const search = document.querySelector('main input[type="search"], main [data-search]');
    if (search) {
      event.preventDefault();
      search.focus();
      search.select?.();
    }
    return;
  }
  const now = event.timeStamp;
  if (firstLetter && now - firstLetter.at < SECOND_LETTER_WITHIN) {
    const link = document.querySelector(`[data-keys="${CSS.escape(firstLetter.key)} ${CSS.escape(event.key)}"]`);
    firstLetter = null;
    if (link) {
      event.preventDefault();
      location.assign(link.href);
      return;
    }
  }
  const begins = [...document.querySelectorAll("[data-keys]")].some((one) =>
    one.dataset.keys.startsWith(`${event.key} `),
  );
  firstLetter = begins ? { key: event.key, at: now } : null;
});

// -- upload: <form data-upload>; without this script it is a plain form -----------------------------

function sizeText(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit && size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

function prepareUpload(form) {
  const input = form.querySelector('input[type="file"]');
  const drop = form.querySelector("[data-drop]");
  const list = form.querySelector("[data-files]");
  const send = form.querySelector("[data-send]");
  const label = form.querySelector("[data-label]");
  const error = form.querySelector("[data-error]");
  const progress = form.querySelector("[data-progress]");
  let bars = [];
  let request = null;

  for (const one of form.querySelectorAll("[data-with-script]")) one.hidden = false;

  function complain(text) {
    error.textContent = text;
    error.hidden = !text;
  }

  function chosen() {
    return [...input.files];
  }

  function show() {
    const files = chosen();
    const total = files.reduce((sum, file) => sum + file.size, 0);
    bars = [];
    list.replaceChildren(
      ...files.map((file) => {
        const item = document.createElement("li");
        const name = document.createElement("span");
        name.className = "clip";
        name.textContent = file.name;
        name.title = file.name;
        const size = document.createElement("span");
        size.className = "hint";
        size.textContent = sizeText(file.size);
        const bar = document.createElement("progress");
        bar.max = 1;
        bar.value = 0;
        bar.setAttribute("aria-label", `Sent of ${file.name}`);
        bars.push(bar);
        item.append(name, size, bar);
        return item;
      }),
    );
    label.textContent = files.length
      ? `Upload ${files.length === 1 ? "1 file" : `${files.length} files`} (${sizeText(total)})`
      : "Upload";
    complain("");
    if (files.length > Number(form.dataset.most)) {
      complain(`These are ${files.length} files; ${form.dataset.most} can go at once. Upload them in several turns.`);
    } else if (total > Number(form.dataset.limit)) {
      complain(`These are ${sizeText(total)}; ${sizeText(Number(form.dataset.limit))} can go at once. Upload fewer files.`);
    }
    send.disabled = !error.hidden;
  }

  // Files leave in their order, so the bytes sent so far say how far each one is.
  function tell(sent, whole) {
    const files = chosen();
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    let left = Math.max(0, sent - Math.max(0, whole - bytes));
    files.forEach((file, position) => {
      bars[position].value = file.size ? Math.min(1, left / file.size) : 1;
      left = Math.max(0, left - file.size);
    });
    progress.querySelector("progress").value = whole ? sent / whole : 0;
    progress.querySelector("[data-said]").textContent =
      sent < whole ? `Sending: ${sizeText(sent)} of ${sizeText(whole)}` : "Sent; the server takes it in…";
  }

  function over() {
    request = null;
    form.classList.remove("is-sending");
    send.disabled = false;
    progress.hidden = true;
  }

  function finished() {
    const answer = new URL(request.responseURL || location.href, location.href);
    if (request.status < 300 && answer.pathname !== new URL(form.action).pathname) {
      location.assign(answer);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const said = page.querySelector("main .notice.error, main .error-message");
    over();
    complain(said ? said.textContent.trim() : `The server answered with status ${request.status}. Nothing was kept; try again.`);
  }

  input.addEventListener("change", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (request || !chosen().length || !error.hidden && send.disabled) return;
    complain("");
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (sending) => tell(sending.loaded, sending.total));
    request.addEventListener("load", finished);
    request.addEventListener("error", () => {
      over();
      complain("The connection broke off. Nothing was kept; try again.");
    });
    form.classList.add("is-sending");
    send.disabled = true;
    progress.hidden = false;
    tell(0, 1);
    request.send(new FormData(form));
  });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      drop.classList.add("is-over");
    });
  }
  for (const kind of ["dragleave", "drop", "dragend"]) {
    drop.addEventListener(kind, () => drop.classList.remove("is-over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (request) return;
    if ([...event.dataTransfer.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory)) {
      complain("A folder cannot be dropped here: open it and drop the files in it.");
      return;
    }
    const all = new DataTransfer();
    for (const file of [...chosen(), ...event.dataTransfer.files]) all.items.add(file);
    input.files = all.files;
    show();
  });
  // A file dropped beside the box would replace the page with it.
  for (const kind of ["dragover", "drop"]) {
    window.addEventListener(kind, (event) => event.preventDefault());
  }
  show();
}

for (const form of document.querySelectorAll("form[data-upload]")) prepareUpload(form);

// -- copying: <code>…</code><button data-copy>; without this script a click selects the whole ------

function offerCopies(part) {
  for (const button of part.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  const code = button?.parentElement.querySelector("code");
  if (!code) return;
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.classList.add("is-copied");
    setTimeout(() => button.classList.remove("is-copied"), 1500);
  } catch {
    getSelection().selectAllChildren(code);
  }
});
offerCopies(document);
document.body.addEventListener("htmx:load", (event) => offerCopies(event.detail.elt));

// -- explore: forms whose empty fields stay out of the address -------------------------------------

const LEAN = ["then", "step", "search", "find"]; // others may mean "none" when they are empty

document.body.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.closest("[data-lean]")) return;
  for (const name of LEAN) {
    if (event.detail.parameters[name] === "") delete event.detail.parameters[name];
  }
});

// A choice or a day is an answer: no button to press. A search waits for Enter.
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-asks]");
  if (!form || !event.target.matches('select, input[type="date"]')) return;
  const { from, to } = form.elements;
  to.setCustomValidity(from.value && to.value && from.value > to.value ? "It ends before it starts." : "");
  if (form.reportValidity()) form.requestSubmit();
});

// What a page refuses is explained on a page of its own.
document.body.addEventListener("htmx:responseError", (event) => {
  const { pathInfo, requestConfig, elt } = event.detail;
  if (requestConfig.verb === "get" && elt.closest("#explore")) location.assign(pathInfo.finalRequestPath);
});

// A menu closes on Escape and when something else is clicked.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

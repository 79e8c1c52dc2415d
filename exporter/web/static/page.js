// Refreshes the page: fetches it again every few seconds and replaces the parts that changed. What the reader has
// opened stays open, what has the focus keeps it, and nothing moves while text is selected. Filters while one types,
// copies texts, and makes the faults of the demo.
"use strict";

const EVERY = Number(document.body.dataset.every) * 1000; // milliseconds; 0: the page does not change
const TYPED = 250; // milliseconds without a key until the filter is asked for
const pause = document.getElementById("pause");
const headline = document.getElementById("headline");
const said = document.getElementById("said");
let paused = false;
let asked = 0; // a refresh that was asked for later wins

function place(element) {
  // How to find an element again in the next version of its part.
  if (element.id) return () => document.getElementById(element.id);
  const details = element.closest("details[data-key]");
  if (details) {
    const key = details.dataset.key;
    const alike = (root) => [...root.querySelectorAll(element.tagName)];
    const index = alike(details).indexOf(element);
    return (part) => {
      const again = [...part.querySelectorAll("details[data-key]")].find((one) => one.dataset.key === key);
      return again && alike(again)[index];
    };
  }
  if (element.rel) return (part) => part.querySelector(`a[rel="${element.rel}"]`);
  if (element.href) return (part) => [...part.querySelectorAll("a")].find((one) => one.href === element.href);
  return () => null;
}

function renew(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const successor = fresh.getElementById(part.id);
    if (!successor || successor.innerHTML === part.dataset.last) continue;
    const last = successor.innerHTML;
    const open = new Map([...part.querySelectorAll("details")].map((one) => [one.dataset.key, one.open]));
    const focused = part.contains(document.activeElement) ? place(document.activeElement) : null;
    for (const details of successor.querySelectorAll("details")) {
      if (open.has(details.dataset.key)) details.open = open.get(details.dataset.key);
    }
    part.replaceChildren(...successor.childNodes);
    part.dataset.last = last;
    if (focused) {
      const again = focused(part);
      if (again) again.focus({ preventScroll: true });
    }
  }
  const news = fresh.getElementById("headline");
  headline.className = news.className;
  if (news.textContent !== headline.textContent) headline.replaceChildren(...news.childNodes); // a screen reader announces it only then
  document.getElementById("taken").replaceWith(fresh.getElementById("taken"));
  tellHere();
  document.title = fresh.title;
}

function tellHere() {
  // The time where the reader is, if that is neither the exporter's nor UTC.
  const taken = document.getElementById("taken");
  if (!taken) return;
  const here = new Date(taken.dateTime).toLocaleTimeString("en-GB");
  if (!taken.textContent.includes(here)) taken.append(`, ${here} here`);
}

async function refresh() {
  const mine = ++asked;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(6000) });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const text = await answer.text();
    if (mine === asked) renew(new DOMParser().parseFromString(text, "text/html"));
  } catch (error) {
    if (mine !== asked) return;
    headline.className = "headline not_checked stale";
    const lost = "The exporter does not answer: all values are stale.";
    if (headline.textContent !== lost) headline.textContent = lost;
  }
}

async function refreshAgain() {
  const selecting = !document.getSelection().isCollapsed;
  if (!paused && !document.hidden && !selecting) await refresh();
  setTimeout(refreshAgain, EVERY);
}

async function copy(button) {
  const command = button.closest(".commands li");
  const source = command ? command.querySelector("code") : button.closest(".copyable").querySelector("pre");
  const answer = command ? said : button.parentElement.querySelector(".copied");
  answer.textContent = "";
  let copied = false;
  try {
    await navigator.clipboard.writeText(source.textContent); // there is none over HTTP beyond loopback
    copied = true;
  } catch {
    document.getSelection().selectAllChildren(source);
    copied = document.execCommand("copy");
    if (copied) document.getSelection().removeAllRanges();
  }
  answer.textContent = copied ? "Copied" : "Selected: copy it with the keyboard";
  if (command && copied) button.firstChild.textContent = "Copied";
}

async function makeFault(button) {
  const answer = document.getElementById("made");
  answer.textContent = "";
  try {
    const made = await fetch(`demo/${button.dataset.fault}`, { method: "POST", headers: { "Content-Type": "application/json" } });
    answer.textContent = `${button.textContent}: ${(await made.json()).message}`;
  } catch {
    answer.textContent = "The exporter does not answer.";
  }
}

function filterAsTyped(form) {
  let waiting;
  const ask = () => {
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    history.replaceState(null, "", `${query}` ? `?${query}` : location.pathname);
    refresh();
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, TYPED);
  };
  form.addEventListener("input", soon);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    ask();
  });
}

document.documentElement.classList.add("scripted");
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy, button.fault");
  if (button) (button.matches(".copy") ? copy : makeFault)(button);
});
for (const form of document.querySelectorAll("form[data-live]")) filterAsTyped(form);
tellHere();
if (pause) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume updates" : "Pause updates";
  });
}
if (EVERY) setTimeout(refreshAgain, EVERY);

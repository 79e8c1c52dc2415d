// Refreshes the page: fetches it again every few seconds and replaces the parts that changed. What the reader has
// opened stays open, what has the focus keeps it, and nothing moves while text is selected. Copies texts.
"use strict";

const EVERY = Number(document.body.dataset.every) * 1000; // milliseconds
const pause = document.getElementById("pause");
const headline = document.getElementById("headline");
let paused = false;

function opened(root) {
  return new Set([...root.querySelectorAll("details[open]")].map((details) => details.dataset.key));
}

function place(element) {
  // How to find an element again in the next version of its part.
  if (element.id) return (part) => document.getElementById(element.id);
  const details = element.closest("details[data-key]");
  if (details) {
    const key = details.dataset.key;
    const tag = element.tagName;
    return (part) => {
      const again = [...part.querySelectorAll("details[data-key]")].find((one) => one.dataset.key === key);
      return again && again.querySelector(tag);
    };
  }
  if (element.rel) return (part) => part.querySelector(`a[rel="${element.rel}"]`);
  return () => null;
}

function renew(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const successor = fresh.getElementById(part.id);
    if (!successor || successor.innerHTML === part.dataset.last) continue;
    const last = successor.innerHTML;
    const open = opened(part);
    const focused = part.contains(document.activeElement) ? place(document.activeElement) : null;
    for (const details of successor.querySelectorAll("details")) {
      details.open = open.has(details.dataset.key);
    }
    part.replaceChildren(...successor.childNodes);
    part.dataset.last = last;
    if (focused) {
      const again = focused(part);
      if (again) again.focus({ preventScroll: true });
    }
  }
  const news = fresh.getElementById("headline");
  if (news.textContent !== headline.textContent) headline.textContent = news.textContent; // a screen reader announces it only then
  headline.className = news.className;
  document.getElementById("taken").textContent = fresh.getElementById("taken").textContent;
  document.title = fresh.title;
}

async function refresh() {
  const selecting = !document.getSelection().isCollapsed;
  if (!paused && !document.hidden && !selecting) {
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(6000) });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch (error) {
      headline.className = "headline not_checked stale";
      const lost = "The exporter does not answer: all values are stale.";
      if (headline.textContent !== lost) headline.textContent = lost;
    }
  }
  setTimeout(refresh, EVERY);
}

async function copy(button) {
  const pre = button.closest("details").querySelector("pre");
  const said = button.parentElement.querySelector(".copied");
  said.textContent = "";
  let copied = false;
  try {
    await navigator.clipboard.writeText(pre.textContent); // there is none over HTTP beyond loopback
    copied = true;
  } catch {
    document.getSelection().selectAllChildren(pre);
    copied = document.execCommand("copy");
    if (copied) document.getSelection().removeAllRanges();
  }
  said.textContent = copied ? "Copied" : "Selected: copy it with the keyboard";
}

document.documentElement.classList.add("scripted");
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});
pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Resume updates" : "Pause updates";
});
setTimeout(refresh, EVERY);

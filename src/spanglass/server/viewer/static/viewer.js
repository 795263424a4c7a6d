// What a script adds: buttons that copy, a fold that opens when a link leads into it, and the tab of this page in sight on
// a narrow screen. Every page is whole without.
"use strict";

for (const area of document.querySelectorAll("textarea.copy")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(area.value);
      button.textContent = "Copied";
    } catch {
      area.focus();
      area.select();
      button.textContent = "Selected: copy with the keyboard";
    }
  });
  area.parentElement.querySelector(".title").append(button);
}

function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) {
    if (at instanceof HTMLDetailsElement) at.open = true;
  }
}
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
addEventListener("hashchange", openTarget);
openTarget();
